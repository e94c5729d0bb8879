"""Files of jets for the peers of triggers, in environments that have no gnnreco: numpy and pyarrow are enough."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

VALIDATION = 10  # every tenth jet of training chooses what is kept


class Jets(NamedTuple):
    """Standardised features float32 (n, 16), and classes int64 (n,): q, g, W, Z, t."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


def read(folder: Path) -> Jets:
    """All finished files of a folder, in order of their names; features as they are."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise SystemExit(f"{folder}: holds no .parquet file; write some with scripts/make_jets.py")
    tables = [pq.read_table(file, columns=["label", "features"]) for file in files]
    y = np.concatenate([t["label"].to_numpy() for t in tables]).astype(np.int64)
    flat = np.concatenate([t["features"].combine_chunks().flatten().to_numpy() for t in tables])
    return Jets(flat.reshape(len(y), -1), y)


def splits(train: Path, test: Path) -> dict[str, Jets]:
    """``train``, ``validation`` (every tenth of training) and ``test``, standardised with the mean and width of training."""
    whole, held = read(train), read(test)
    chooses = np.arange(len(whole.y)) % VALIDATION == 0
    fit = Jets(whole.x[~chooses], whole.y[~chooses])
    mean, width = fit.x.mean(axis=0), fit.x.std(axis=0)
    parts = {"train": fit, "validation": Jets(whole.x[chooses], whole.y[chooses]), "test": held}
    return {name: Jets((part.x - mean) / width, part.y) for name, part in parts.items()}
