"""Everything here but the neighbours needs torch_geometric."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

TELESCOPE, EVENTS = "telescope", 6


@pytest.fixture(scope="session")
def geometric():  # type: ignore[no-untyped-def]
    """torch_geometric itself."""
    return pytest.importorskip("torch_geometric", reason="needs torch-geometric: pip install 'gnnreco[pyg]'")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of events of a beam telescope."""
    folder, detector = tmp_path_factory.mktemp("files"), load_detector(TELESCOPE)
    options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
    write_events(
        simulate(detector, "beam", EVENTS, seed=3, options=options), folder, "parquet", detector=detector
    )
    return folder
