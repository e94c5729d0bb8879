"""The bench of particle flow compares a particle's momentum with that of its own track."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("fastjet")
SCRIPTS = Path(__file__).parents[2] / "scripts"


def along_x(momentum):
    zero = np.zeros(len(momentum))
    return {"px": np.array(momentum, float), "py": zero, "pz": zero, "energy": np.array(momentum, float)}


def test_a_momentum_stands_beside_that_of_its_own_track(monkeypatch):
    for folder in (SCRIPTS, SCRIPTS / "peers"):
        monkeypatch.syspath_prepend(str(folder))
    parts = importlib.import_module("bench_pflow_parts")
    targets = SimpleNamespace(**along_x([10.0, 20.0, 5.0]), pdg_class=np.array([0, 3, 1]))
    # The electron's track is the first one, the pion's the third; nothing holds the second track; the last target has none.
    true = SimpleNamespace(targets=targets, track=np.array([2, 0, -1]))
    flow = SimpleNamespace(error=np.zeros(3), momentum=np.array([[16.0, 0, 0], [3.0, 0, 0], [11.0, 0, 0]]))

    class Found(SimpleNamespace):
        def __len__(self):
            return len(self.px)

    found = Found(**along_x([10.5, 19.0]), track_index=np.array([2, 0]), track_offsets=np.array([0, 1, 2]))
    rows = parts.momentum_errors(SimpleNamespace(true=true, flow=flow), found)
    np.testing.assert_allclose(rows, [[0, 0.05, 0.1], [3, -0.05, -0.2]])
