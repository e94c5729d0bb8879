"""The evaluator counts what ACTS's own matcher counts, and finds the pulls of its Kalman filter to be one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.evaluate import score_tracks
from gnnreco.geometry import ConstantField

GOLDEN = Path(__file__).parents[2] / "golden" / "acts_matching.npz"
FIELD = ConstantField(2.0)


def events(golden: dict[str, np.ndarray], stage: str) -> Iterator[tuple[Event, Tracks]]:
    for number in (0, 1):
        of = {name.removesuffix(f"_{number}"): v for name, v in golden.items() if name.endswith(f"_{number}")}
        n, charge = int(of["n_hits"]), of["kinematics"][:, 0].astype(float)
        m = len(charge)
        rest = of["kinematics"][:, 1:].astype(float).T
        particles = Particles(np.arange(m), np.zeros(m, np.int32), charge, *rest)
        truth = Truth(particles, of["hit"].astype(np.int64), of["particle"].astype(np.int64))
        zero = np.zeros(n)
        offsets, index = of[f"{stage}_offsets"].astype(np.int64), of[f"{stage}_hits"].astype(np.int64)
        covariance = np.zeros((len(offsets) - 1, 15))
        covariance[:, [0, 2, 5, 9, 14]] = of[f"{stage}_covariance"]
        quality = np.zeros((3, len(offsets) - 1))
        tracks = Tracks(offsets, index, *of[f"{stage}_fit"].T, covariance, *quality)
        yield (
            Event(number, "acts", Hits(np.arange(n), zero, zero, zero, np.zeros(n, np.int32)), truth),
            tracks,
        )


@pytest.mark.parametrize("stage", ["ckf", "ambi"])
def test_counts_are_those_of_acts(stage: str) -> None:
    with np.load(GOLDEN) as file:
        golden = dict(file)
    result = score_tracks(events(golden, stage), FIELD)
    acts = result["acts"]
    counts = [acts[key] for key in ("found", "particles", "fakes", "duplicates", "tracks")]
    assert counts == golden[f"{stage}_counts"].tolist()
    for parameter, pull in ((name, row["pull_core"]) for name, row in result["resolutions"].items()):
        assert 0.7 < pull < 1.3, parameter
