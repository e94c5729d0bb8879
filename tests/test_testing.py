"""The conformance suite: every shipped detector passes, a broken one is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gnnreco.errors import BadGeometry
from gnnreco.geometry import find_detector, list_detectors
from gnnreco.testing import CHECKS, Case, check_detector, description_names_no_machine
from gnnreco.testing.detectors import loads_quickly

#: Its neighbours take ten seconds, and other detectors have layers as different.
LARGE = {"odd"}
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in list_detectors()]


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param, cells=60)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_shipped_detector_conforms(case: Case, check) -> None:  # type: ignore[no-untyped-def]
    check(case)


def test_a_broken_detector_is_named_with_all_its_faults(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(find_detector("telescope"), folder)
    text = (folder / "detector.yaml").read_text()
    (folder / "detector.yaml").write_text(text.replace("[100, 250,", "[100, 100.01,"))
    with pytest.raises(AssertionError, match=r"broken:\ncheck_finds_nothing: .*share space"):
        check_detector(folder)


@pytest.mark.parametrize("value", ["/home/me/cells.csv", "C:\\cells.csv", "~/cells.csv"])
def test_a_path_of_one_machine_is_found(tmp_path: Path, value: str) -> None:
    folder = tmp_path / "pathy"
    shutil.copytree(find_detector("telescope"), folder)
    text = (folder / "detector.yaml").read_text()
    (folder / "detector.yaml").write_text(text + f"# see /tmp/x\ntable: {value}\n")
    with pytest.raises(AssertionError, match="names a place of one machine"):
        description_names_no_machine(Case(folder))


def test_no_such_detector_is_said_at_once() -> None:
    with pytest.raises(BadGeometry, match="there is"):
        check_detector("nowhere")


def test_a_detector_that_holds_too_much_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnnreco.testing.detectors.MEGABYTES", 1.0)
    with pytest.raises(AssertionError, match=r"the detector holds [3-5] MB"):
        loads_quickly(Case("trackml"))
