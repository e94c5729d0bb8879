"""gnnreco: graph-network reconstruction for any particle detector."""

import hashlib
import os
import shutil
import time
from pathlib import Path

__version__ = "0.1.0"

KEEP_SECONDS = (
    86_400.0  # compiled kernels of another state of the sources stay this long: it may still be running
)


def _keep_kernels_apart() -> None:
    """Give every state of the sources its own folder of compiled kernels.

    Numba looks only at the file a kernel stands in, not at the kernels it calls: after an update it would run old code
    without a word. Must happen before numba is imported; a folder that cannot be written is numba's own affair.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source or b"@compiled" in source or b"@kernel" in source:
            digest.update(str(path.relative_to(here)).encode() + hashlib.sha256(source).digest())
    parent = here / "__pycache__"
    mine = parent / f"kernels-{digest.hexdigest()[:16]}"
    try:
        mine.mkdir(parents=True, exist_ok=True)
        for old in parent.glob("kernels-*"):
            if old != mine and time.time() - old.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return
    if os.access(mine, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = str(mine)


if "NUMBA_CACHE_DIR" not in os.environ:
    _keep_kernels_apart()
