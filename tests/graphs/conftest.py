"""Two small detectors and graphs learned for them, once for all tests of the graphs."""

import functools

import pytest
import torch

import gnnreco.graphs.tracking.train_gate as train_gate
from gnnreco.geometry import load_detector
from gnnreco.graphs import GraphConfig, LearnedGraph
from gnnreco.simulate import SimulationOptions, simulate

LEARNED, TESTED = 200, 30  # events
QUICK = {"steps": 200, "batch": 1024}  # gates good enough to test what is done with them


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Layers of 64 are no work to share; on a busy machine sharing costs a hundred times the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def quickly(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(train_gate, "train_gate", functools.partial(train_gate.train_gate, **QUICK))


@pytest.fixture(scope="session")
def telescope():
    return load_detector("telescope")


@pytest.fixture(scope="session")
def tracker():
    return load_detector("hex_tracker")


@pytest.fixture(scope="session")
def events(tracker):
    """Pions from the collision point, 30 in an event: some to learn from, the rest to test on."""
    options = SimulationOptions(particle="pion", energy=(0.5, 20.0), count=30)
    return list(simulate(tracker, "gun", LEARNED + TESTED, seed=7, options=options))


@pytest.fixture(scope="session")
def graph(tracker, events):
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        return LearnedGraph.learn(GraphConfig(), tracker, events[:LEARNED])
