"""How many threads a verb computes with: said once, before the libraries that compute start their own."""

from __future__ import annotations

import os
import sys

#: Each library, and the variable that it reads when it is imported. Whichever of the two starts first sets OpenMP for
#: both, so both are told.
LIBRARIES = {"numba": "NUMBA_NUM_THREADS", "torch": "OMP_NUM_THREADS"}


def use_threads(number: int) -> None:
    """Let numba and torch use `number` threads in this process, and in those that it starts."""
    for library, variable in LIBRARIES.items():
        if library not in sys.modules:
            os.environ[variable] = str(number)
    if numba := sys.modules.get("numba"):
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number)
