"""What a terminal and a notebook show of columns and events: a line, and a small table that no text can break out of."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from gnnreco.columns import Clusters, Event, Hits, Jets, Particles, Tracks, Truth

HOSTILE = '<script>alert("1")</script>'


class Reader(HTMLParser):
    """Collects tags, and refuses what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(page: str) -> set[str]:
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    return reader.tags


def event(n: int = 1200) -> Event:
    zero = np.zeros(n)
    hits = Hits(np.arange(n), zero, zero + 1, zero, np.arange(n, dtype=np.int32) % 9, energy=zero)
    three = np.ones(3)
    born = Particles(
        np.arange(3), np.full(3, 13), three, *(three * 0,) * 3, three * [0.5, 2, 12.34], three * 0, three
    )
    return Event(7, "run1/event000007", hits, Truth(born, np.arange(2), np.arange(2)))


def test_a_line_says_what_is_in_it() -> None:
    one = event()
    assert repr(one) == "Event(7: 1,200 hits, 3 true particles, from 'run1/event000007')"
    assert repr(one.hits) == "Hits(1,200 hits, in 9 sensors, with energy)"
    assert repr(one.truth) == "Truth(3 particles, 2 links to hits)"
    assert one.truth is not None
    assert repr(one.truth.particles) == "Particles(3 particles, pt 0.5 to 12.3 GeV)"
    assert repr(one.truth.particles[0]) == "Particles(1 particle, pt 0.5 to 0.5 GeV)"
    two = Tracks(
        np.array([0, 3, 8]), np.arange(8), *np.full((5, 2), 0.5), np.zeros((2, 15)), *np.ones((3, 2))
    )
    assert repr(two) == "Tracks(2 tracks, 4.0 hits each, pt 0.959 to 0.959 GeV)"
    assert repr(Tracks()) == "Tracks(0 tracks)"
    assert repr(Clusters()) == "Clusters(0 clusters)"


@pytest.mark.parametrize("n", [0, 3, 1200])
def test_a_notebook_shows_a_small_table(n: int) -> None:
    one = event(n) if n else Event(0, "", event(1).hits[:0])
    for shown in (one, one.hits, one.truth, Tracks(), Clusters()):
        if shown is not None:
            page = shown._repr_html_()
            assert tags(page) <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
            assert len(page) < 10_000


def test_no_text_of_a_file_becomes_markup() -> None:
    one = replace(event(3), source=HOSTILE, left_aside={HOSTILE: 3})
    assert "script" not in tags(one._repr_html_())
    assert HOSTILE not in one._repr_html_()
    zero = np.zeros(1)
    jets = Jets(
        np.array([0, 1]),
        zero,
        zero,
        zero,
        np.zeros((1, 1)),
        (HOSTILE,),
        np.array([0]),
        (HOSTILE,),
        *(zero,) * 4,
    )
    assert "script" not in tags(jets._repr_html_())
    assert "\n" not in repr(replace(one, source="a\nb"))
