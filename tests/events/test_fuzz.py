"""Whatever happens to a file, reading it gives an event or `BadInput`: nothing else, and no crash."""

from __future__ import annotations

import contextlib
import functools
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.parquet_writer import write_parquet

ROOT = Path(__file__).parents[2]

flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=0, max_size=4)
cut = st.one_of(st.just(1.0), st.floats(0, 1))


def damaged(data: bytes, flips: list[tuple[float, int]], cut: float) -> bytes:
    spoilt = bytearray(data)
    for place, mask in flips:
        spoilt[int(place * len(data))] ^= mask
    return bytes(spoilt[: int(cut * len(data) + 0.5)])


def is_sound(event: Event) -> bool:
    """What every stage that follows relies on."""
    hits = event.hits
    assert len(np.unique(hits.hit_id)) == len(hits) == len(hits.sensor)
    assert np.isfinite(hits.xyz).all()
    if hits.deposits is not None:
        assert hits.deposits.offsets[-1] == len(hits.deposits.u) == len(hits.deposits.value)
    if event.truth is not None:
        assert np.all(event.truth.hit < len(hits))
        assert np.all(event.truth.particle < len(event.truth.particles))
        assert np.isfinite(event.truth.particles.px).all()
    return True


@functools.cache
def trackml_lines() -> dict[str, list[bytes]]:
    files = (ROOT / "examples/events").glob("*.csv.gz")
    return {
        f.name.removesuffix(".gz"): gzip.decompress(f.read_bytes()).splitlines(keepends=True) for f in files
    }


def read(folder: Path) -> None:
    with contextlib.suppress(BadInput):
        for event in open_events(folder, None):
            assert is_sound(event)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


KINDS = ["measurements", "cells", "hits", "measurement-simhit-map", "particles_simulated"]


@settings(max_examples=120)
@given(kind=st.sampled_from(KINDS), flips=flips, cut=cut, packed=st.booleans())
def test_acts_csv(folder: Path, kind: str, flips: list[tuple[float, int]], cut: float, packed: bool) -> None:
    place = folder / "acts"
    place.mkdir(exist_ok=True)
    for file in (ROOT / "tests/corpus/events/acts").iterdir():
        data = file.read_bytes()
        if file.stem.split("-", 1)[1] == kind:
            data = damaged(gzip.compress(data) if packed else data, flips, cut)
        (place / file.name).write_bytes(data)
    read(place)


@settings(max_examples=120)
@given(
    kind=st.sampled_from(["hits", "cells", "particles", "truth"]),
    flips=flips,
    cut=cut,
    lines=st.integers(2, 60),
)
def test_trackml_csv(folder: Path, kind: str, flips: list[tuple[float, int]], cut: float, lines: int) -> None:
    place = folder / "trackml"
    place.mkdir(exist_ok=True)
    for name, table in trackml_lines().items():
        data = b"".join(table[:lines])
        if name.endswith(f"-{kind}.csv"):
            data = damaged(data, flips, cut)
        (place / name).write_bytes(data)
    read(place)


@settings(max_examples=300)
@given(flips=flips, cut=cut)
def test_parquet(folder: Path, flips: list[tuple[float, int]], cut: float) -> None:
    place = folder / "parquet"
    good = folder / "good.parquet"
    if not good.exists():
        place.mkdir()
        write_parquet(good, open_events(ROOT / "tests/corpus/events/acts", None), None)
    (place / "events.parquet").write_bytes(damaged(good.read_bytes(), flips, cut))
    read(place)
