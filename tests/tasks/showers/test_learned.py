"""A shipped bundle for showers reads events without torch, which costs 200 MB and a second in every process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

OPTIONS = SimulationOptions(particle="photon", energy=(5.0, 20.0), count=3, eta=(-0.8, 0.8))
SCRIPT = """
import sys
from gnnreco.bundle import load_bundle, load_task
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

detector = load_detector("lar")
options = SimulationOptions(particle="photon", energy=(5.0, 20.0), count=3, eta=(-0.8, 0.8))
event = next(iter(simulate(detector, "gun", 1, seed=3, options=options)))
clusters = load_task(load_bundle("showers-lar"), detector).reconstruct(event)
assert "torch" not in sys.modules
print(len(clusters))
"""


def test_showers_are_found_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3


def test_torch_and_kernels_find_the_same() -> None:
    import torch

    from gnnreco.tasks.showers.finding import find
    from gnnreco.tasks.showers.task import ClusteringTask

    detector = load_detector("lar")
    task = load_task(load_bundle("showers-lar"), detector)
    assert isinstance(task, ClusteringTask)
    before = task.state()
    event = next(iter(simulate(detector, "gun", 1, seed=3, options=OPTIONS)))
    graph, loud = task.loud(event)
    found = find(task.config, task._reader(), graph, loud)
    judged = task._judge(task._reader(), graph, loud, found.scores.state, found.shares)[1]
    with torch.no_grad():
        wanted = find(task.config, task.network, graph, loud)
        sure = task._judge(task.network, graph, loud, wanted.scores.state, wanted.shares)[1]
    assert found.shares.n >= 3
    assert (found.shares.cell == wanted.shares.cell).all()
    assert (found.shares.cluster == wanted.shares.cluster).all()
    for one, two in zip(judged, sure, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)
    after = task.state()  # now of the network of torch
    assert set(before) <= set(after)
    assert all((before[name] == after[name]).all() for name in before)


def test_a_large_event_is_read_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from gnnreco.tasks.showers import task as module

    detector = load_detector("lar")
    task = load_task(load_bundle("showers-lar"), detector)
    event = next(iter(simulate(detector, "gun", 1, seed=3, options=OPTIONS)))
    one = task.reconstruct(event)
    monkeypatch.setattr(module, "LARGE", 10)
    two = task.reconstruct(event)
    assert len(one) >= 3
    assert (one.hit_index == two.hit_index).all()
    assert (one.hit_weight == two.hit_weight).all()
    assert (one.energy == two.energy).all()
