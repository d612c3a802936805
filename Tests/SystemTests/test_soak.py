"""A short soak: mixed events, faults, kills and restarts (`make soak` runs a longer one)."""

import subprocess
import sys

from programs import ROOT


def test_under_faults_and_kills_every_event_is_there_once():
    done = subprocess.run([sys.executable, ROOT / "scripts/soak", "8", "7"], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
