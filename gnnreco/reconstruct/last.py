"""What the second process of `gnnreco.reconstruct.company` does: it compiles the network and the fit of tracks."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np

from gnnreco.columns import Hits
from gnnreco.fit.trackfit import fit_tracks
from gnnreco.geometry import load_detector
from gnnreco.models.inference import infer
from gnnreco.models.weights import weight_shapes


def compile_last(folder: Path) -> None:
    """Score one triplet and fit one track, on numbers that mean nothing."""
    shapes = weight_shapes(hidden=8, node_features=1, edge_features=1)
    weights = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    one = np.zeros((1, 1), np.float32)
    infer(weights, 1, one, one, np.zeros((1, 2), np.int32))
    detector = load_detector(folder)
    place = np.linspace(1.0, 3.0, 3)
    hits = Hits(np.arange(3), place, place, place, np.zeros(3, np.int32))
    fit_tracks(detector, hits, np.array([0, 3]), np.arange(3))


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    compile_last(Path(sys.argv[1]))
