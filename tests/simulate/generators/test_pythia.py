"""Pythia 8 as a source: what is said where the process or the package is missing."""

from __future__ import annotations

import sys

import pytest

from gnnreco.errors import BadConfig
from gnnreco.simulate.generators.processes import PROCESSES
from gnnreco.simulate.generators.pythia import pythia_events


def test_an_unknown_process_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        BadConfig, match=f"process 'susy' is not known; there is gun, beam, {', '.join(PROCESSES)}"
    ):
        next(pythia_events("susy", 1, 1))


@pytest.mark.parametrize("missing", ["pythia8mc", "awkward"])
def test_a_missing_package_is_one_line_with_its_remedy(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BadConfig, match=r"needs Pythia 8: pip install 'gnnreco\[pythia\]'"):
        next(pythia_events("zmumu", 1, 1))
