"""Dijets for searches: the range of masses, the labels and the columns that `gnnreco search` reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gnnreco.evaluate.particles.jets import installed
from gnnreco.search import read_events
from gnnreco.search.dijets import DIJETS

SCRIPT = Path(__file__).parents[3] / "scripts" / "search_samples.py"


@pytest.mark.skipif(not installed(), reason="needs FastJet: pip install 'gnnreco[jets]'")
def test_background_and_signal_in_the_range(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc", reason="pip install 'gnnreco[pythia]'")
    file = tmp_path / "dijets.parquet"
    words = ["--background", "15", "--signal", "5", "--range", "2900", "4300", "-o", str(file)]
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "background: 15 events" in done.stdout
    assert "signal: 5 events" in done.stdout
    table = read_events(file, "mjj")
    assert table.names == DIJETS[1:]
    assert sorted(table.label) == [0] * 15 + [1] * 5
    assert ((table.mass >= 2900) & (table.mass < 4300)).all()
    np.testing.assert_allclose(np.median(table.mass[table.label == 1]), 3500, rtol=0.1)
