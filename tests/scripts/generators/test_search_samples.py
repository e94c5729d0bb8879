"""Dijets for searches: the range of masses, the labels, the columns that `gnnreco search` reads, and the way through a detector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Floats
from gnnreco.evaluate.particles.jets import installed
from gnnreco.particles import species_of
from gnnreco.search import read_events
from gnnreco.search.dijets import DIJETS
from gnnreco.simulate.generators.recorded import Recorded
from gnnreco.simulate.options import SimulationOptions
from tests.search.toys import write_found

SCRIPT = Path(__file__).parents[3] / "scripts" / "search_samples.py"
pytestmark = pytest.mark.skipif(not installed(), reason="needs FastJet: pip install 'gnnreco[jets]'")


def run(*words: object) -> str:
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dijets.parquet` and the same events as `dijets.hepmc3`."""
    pytest.importorskip("pythia8mc", reason="pip install 'gnnreco[pythia]'")
    pytest.importorskip("pyhepmc", reason="pip install 'gnnreco[hepmc]'")
    place = tmp_path_factory.mktemp("dijets")
    files = ["-o", place / "dijets.parquet", "--hepmc", place / "dijets.hepmc3"]
    told = run("--background", 15, "--signal", 5, "--range", 2900, 4300, *files)
    assert "background: 15 events" in told
    assert "signal: 5 events" in told
    return place


def test_background_and_signal_in_the_range(made: Path) -> None:
    table = read_events(made / "dijets.parquet", "mjj")
    assert table.names == DIJETS[1:]
    assert sorted(table.label) == [0] * 15 + [1] * 5
    assert ((table.mass >= 2900) & (table.mass < 4300)).all()
    np.testing.assert_allclose(np.median(table.mass[table.label == 1]), 3500, rtol=0.1)


def test_particles_found_in_a_detector_make_the_same_table_with_its_labels(
    made: Path, tmp_path: Path
) -> None:
    """Of events 3, 5 and 6, as a perfect detector finds them."""
    reader, rows = Recorded(made / "dijets.hepmc3", SimulationOptions()), [3, 5, 6]
    write_found(tmp_path, {row: seen(reader, row) for row in rows})
    file = tmp_path / "seen.parquet"
    told = run("--found", tmp_path, "--labels", made / "dijets.parquet", "-o", file)
    assert "3 events; left out: none" in told
    true, found = read_events(made / "dijets.parquet", "mjj")[rows], read_events(file, "mjj")
    np.testing.assert_array_equal(found.event, rows)
    np.testing.assert_array_equal(found.label, true.label)
    np.testing.assert_allclose(found.mass, true.mass, rtol=1e-6)
    np.testing.assert_allclose(found.features, true.features, rtol=1e-4, atol=1e-2)


def seen(reader: Recorded, event: int) -> Floats:
    """Of the particles of a collision those that the table was made of: px, py, pz, energy."""
    made = reader.collision(event)
    eta = np.arcsinh(made.pz / np.hypot(made.px, made.py))
    made = made.select(~np.isin(abs(made.pdg), (12, 14, 16)) & (abs(eta) < 2.5))
    kinds = species_of(made.pdg)
    mass = kinds.mass[kinds.rows(made.pdg)]
    energy = np.sqrt(made.px**2 + made.py**2 + made.pz**2 + mass**2)
    return np.stack([made.px, made.py, made.pz, energy], axis=1)
