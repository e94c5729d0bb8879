"""Worker processes that are asked to end while they do, or twice: they end without a word."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gnnreco.reconstruct.workers.processes import LEAVE

FORE = """
import atexit, os
from multiprocessing import Pipe
from gnnreco.reconstruct.workers import processes

def asked():
    os.kill(os.getpid(), processes.LEAVE)

here, there = Pipe()
"""
#: The end of what a worker does: there is no more work, or it is asked to leave in the middle of its work.
DONE = "here.close(); processes._serve(there, processes._Task(None, None, None))"
ASKED = "import signal; signal.signal(processes.LEAVE, processes._leave); asked()"


@pytest.mark.parametrize(("last", "status"), [(DONE, 0), (ASKED, 128 + LEAVE)], ids=["done", "asked"])
def test_a_process_that_ends_is_deaf(last: str, status: int) -> None:
    code = FORE + "atexit.register(asked)\n" + last
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (status, "")
