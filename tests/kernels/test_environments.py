"""A kept kernel is loaded without the modules of numba's functions that are in it, compiles nothing, and does what it did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import numpy as np
from numba.core.runtime import rtsys
from gnnreco.kernels import njit

@njit(cache=True)
def norm(x):
    if len(x) == 0:
        raise ValueError("nothing")
    return np.sqrt(np.sum(x * x)) + np.argmax(x)

print(norm(np.array([3.0, 4.0])), "numba.np.arraymath" in sys.modules, sum(norm.stats.cache_hits.values()))
try:
    norm(np.zeros(0))
except ValueError as error:
    print(error)
print(rtsys.library._compiled.cache_info().currsize)
"""


def test_a_kept_kernel_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(SCRIPT)
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    said = [
        subprocess.run(
            [sys.executable, "kernel.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert said == ["6.0 True 0\nnothing\n1\n", "6.0 False 1\nnothing\n0\n"]
