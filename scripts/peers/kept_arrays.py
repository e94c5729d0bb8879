"""Arrays that took long to make, kept in a folder, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Kept:
    """Arrays by name.

    Attributes
    ----------
    folder : Path, optional
        None: nothing is kept.
    made_from : str
        All that the arrays depend on; others are made where this differs.
    """

    folder: Path | None
    made_from: str

    def get(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Those of a name from the folder, or else made and put there."""
        if self.folder is None:
            return make()
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{name}-{hashlib.sha256(self.made_from.encode()).hexdigest()[:16]}.npz"
        if not file.exists():
            part = file.with_suffix(".part.npz")
            np.savez(part, **make())  # type: ignore[arg-type]  # its stubs take the arrays for flags
            part.replace(file)
        with np.load(file) as arrays:
            return dict(arrays)


def sha256_of(*files: Path) -> str:
    """One sum for the bytes of several files."""
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
