"""A data service as small as they come: what it was given comes back."""

import importlib.metadata
import logging
import os


def run(analysis):
    logging.getLogger(__name__).info("The app runs.")
    analysis.send_monitor_message({"progress": 50})
    analysis.output_values = {"echo": analysis.input_values,
                              "sdk": importlib.metadata.version("octue"),
                              "provider": os.environ["COMPUTE_PROVIDER"],
                              "revision": os.environ["OCTUE_SERVICE_REVISION_TAG"]}
