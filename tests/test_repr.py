"""What a terminal and a notebook show of bundles, detectors and sources of events, and how an event is found by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gnnreco.bundle import list_bundles, load_bundle
from gnnreco.errors import BadInput
from gnnreco.events import EventSource, open_events, write_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import simulate

HOSTILE = "<script>alert(1)</script>\n"


@pytest.fixture(scope="module")
def telescope() -> Detector:
    return load_detector("telescope")


@pytest.fixture(scope="module")
def source(telescope: Detector, tmp_path_factory: pytest.TempPathFactory) -> EventSource:
    folder = tmp_path_factory.mktemp("events")
    made = [event for event in simulate(telescope, "beam", events=9, seed=1) if event.number not in (3, 4)]
    write_events(made, folder, "parquet", telescope)
    return open_events(folder, telescope)


def test_a_detector_in_a_line_and_a_table(telescope: Detector) -> None:
    assert repr(telescope) == "Detector('telescope', 6 sensors, 6 layers)"
    assert "measures position" in telescope._repr_html_()
    hostile = replace(telescope, name=HOSTILE)
    assert "<script" not in hostile._repr_html_()
    assert "\n" not in repr(hostile)


@pytest.mark.parametrize("name", list_bundles())
def test_a_bundle_in_a_line_and_a_table(name: str) -> None:
    bundle = load_bundle(name)
    assert repr(bundle).startswith(f"Bundle('{name}': {bundle.task} in ")
    assert len(repr(bundle)) < 100
    assert len(bundle._repr_html_()) < 6000


def test_a_bundle_shows_what_was_measured() -> None:
    bundle = load_bundle("tracking-trackml")
    assert repr(bundle) == "Bundle('tracking-trackml': tracking in trackml, 428,595 parameters)"
    assert "evaluation acts all tracks efficiency" in bundle._repr_html_()
    hostile = replace(bundle, manifest={**bundle.manifest, "metrics": {HOSTILE: 1.0}})
    assert "<script" not in hostile._repr_html_()


def test_a_source_in_a_line_and_a_table(source: EventSource) -> None:
    assert repr(source).startswith("EventSource(7 events, 0 to 8, from '")
    assert len(repr(source)) < 120
    assert "<td" in source._repr_html_()
    assert repr(source[:0]) == "EventSource(0 events, from 'no events')"


def test_an_event_is_found_by_its_number(source: EventSource) -> None:
    assert source.by_number(5).number == 5
    assert source.by_number(5) == source[3]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (3, r"event 3: there is none; the nearest are 2 and 5 \(of 7 events\)"),
        (99, r"event 99: there is none; the nearest is 8 \(of 7 events\)"),
        (-1, r"event -1: there is none; the nearest is 0 \(of 7 events\)"),
    ],
)
def test_a_number_that_is_not_there_names_the_nearest(source: EventSource, number: int, said: str) -> None:
    with pytest.raises(BadInput, match=said) as stop:
        source.by_number(number)
    assert Path(stop.value.file).name == "events-00000.parquet"


def test_an_empty_source_has_no_nearest(source: EventSource) -> None:
    with pytest.raises(BadInput, match="there is no event at all"):
        source[:0].by_number(1)
