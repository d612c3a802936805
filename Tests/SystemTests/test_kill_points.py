"""kill -9 at system calls of a question's way, spread over all of it (`make kill-points` takes every one)."""

import subprocess
import sys

from programs import ROOT


def test_a_kill_at_any_call_loses_and_doubles_nothing():
    done = subprocess.run([sys.executable, ROOT / "scripts/kill-points", "--sample", "40"], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
