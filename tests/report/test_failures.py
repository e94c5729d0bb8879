"""Where it went wrong: the worst events first, the surest mistakes, three objects to explain, and commands that parse."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.cli import build_parser
from gnnreco.columns import Event, Hits
from gnnreco.report.failures import MOST, examples, failures, opens, readable

#: What was found in an event: targets, missed, wrong, and (score, right) of each object.
Found = tuple[int, int, int, list[tuple[float, bool]]]


class Judge:
    """Says of an event what was written into it."""

    def lost(self, event: Event, found: Found) -> tuple[int, int, int]:
        return found[:3]

    def objects(self, event: Event, found: Found) -> tuple[np.ndarray, np.ndarray]:
        score, right = zip(*found[3], strict=True) if found[3] else ((), ())
        return np.array(score, float), np.array(right, bool)


def event(number: int, source: str = "made up") -> Event:
    none = np.zeros(0)
    return Event(number, source, Hits(np.zeros(0, np.int64), none, none, none, np.zeros(0, np.int32)))


def failed(found: list[Found | None], source: str = "made up", detector: str = "telescope") -> Any:
    held: Any = SimpleNamespace(found=found)
    judge: Any = Judge()
    return failures(
        judge, held, [event(k, source) for k in range(len(found))], ["one", "two words"], detector
    )


def chosen(found: list[Found | None]) -> list[dict[str, Any]]:
    held: Any = SimpleNamespace(found=found)
    judge: Any = Judge()
    return [dict(row) for row in examples(judge, held, [event(k) for k in range(len(found))])]


OBJECTS = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9, float("nan")]), st.booleans()), max_size=8)
FOUND = st.lists(
    st.none() | st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 3), OBJECTS), max_size=25
)


@given(FOUND)
@settings(max_examples=40)
def test_lists_are_short_sorted_and_hold_failures_only(found: list[Found | None]) -> None:
    worst, sure, commands = failed(found)
    losses = [row["missed"] + row["wrong"] for row in worst]
    wanted = sorted((f[1] + f[2] for f in found if f is not None and f[1] + f[2]), reverse=True)
    assert losses == wanted[:MOST]
    scores = sorted(
        (s for f in found if f is not None for s, right in f[3] if not right and not np.isnan(s)),
        reverse=True,
    )
    assert [row["score"] for row in sure] == scores[:MOST]
    for row in sure:
        here = found[row["event"]]
        assert here is not None
        assert here[3][row["object"]] == (row["score"], False)
    assert commands == [], "what is in no file cannot be opened"


@given(FOUND)
@settings(max_examples=40)
def test_three_objects_are_the_surest_the_middle_and_the_worst(found: list[Found | None]) -> None:
    rows = chosen(found)
    known = [(s, right) for f in found if f is not None for s, right in f[3] if not np.isnan(s)]
    good, bad = ([s for s, right in known if right == side] for side in (True, False))
    assert len(rows) <= 3
    assert bool(rows) == bool(known)
    by_name = {row["what"].partition(":")[0]: row for row in rows}
    if good:
        assert by_name["best"]["score"] == max(good)
        assert by_name["best"]["right"]
    if bad:
        assert by_name["worst"]["score"] == max(bad)
        assert not by_name["worst"]["right"]
    elif len(good) > 2:
        assert by_name["worst"]["score"] == min(good)
        assert len(rows) == 3
    assert len({(row["place"], row["object"]) for row in rows}) == len(rows), "one object is explained twice"


def test_commands_open_the_events_of_files_whatever_their_names(tmp_path: Path) -> None:
    file = tmp_path / "with space; and 'quotes'.parquet"
    file.write_bytes(b"")
    worst, _, commands = failed([(3, 1, 0, [])], str(file))
    assert len(commands) == 1
    for line in (worst[0]["command"], commands[0]):
        words = shlex.split(line)
        assert words[0] == "gnnreco"
        assert str(file) in words
        build_parser().parse_args(words[1:])
    assert commands[0].count("--bundle") == 2


def test_events_of_tables_are_known_by_what_the_names_begin_with(tmp_path: Path) -> None:
    (tmp_path / "event000000001-hits.csv").write_text("")
    (tmp_path / "a[b]-hits.csv").write_text("")
    assert readable(str(tmp_path / "event000000001"))
    assert readable(str(tmp_path / "a[b]")), "brackets are no pattern"
    assert not readable(str(tmp_path / "event000000002"))
    assert not readable("simulate beam seed 3")


@pytest.mark.parametrize("detector", ["telescope", ""])
def test_without_a_detector_nothing_can_be_shown(tmp_path: Path, detector: str) -> None:
    file = tmp_path / "events.parquet"
    file.write_bytes(b"")
    assert (opens(event(4, str(file)), detector) is None) == (detector == "")
    assert "--event 4 -o event-4.html" in (opens(event(4, str(file)), "telescope") or "")


def test_an_event_that_was_not_reconstructed_is_passed_over() -> None:
    worst, sure, _ = failed([None, (2, 1, 1, [(0.9, False)])])
    assert [row["event"] for row in worst + sure] == [1, 1]
    assert chosen([None]) == []
