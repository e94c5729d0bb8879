"""Native Parquet: what is written comes back, equal events give equal bytes, no flipped byte passes."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Deposits, Event, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events import open_events, write_events
from gnnreco.events.parquet.reader import ENERGY, FATE, SCHEMA, ParquetReader
from gnnreco.events.parquet.writer import write_parquet
from gnnreco.geometry import Detector

NONE = np.zeros(0)
PARTICLE = [field.name for field in fields(Particles)]
EMPTY = Hits(NONE.astype(np.int64), NONE, NONE, NONE, NONE.astype(np.int32))


def as_stored(event: Event) -> Event:
    """The event with its floats rounded as the file rounds them."""

    def single(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values.astype(np.float32).astype(np.float64)

    names = ("x", "y", "z", "var_u", "var_v", "time", "energy")
    hits = replace(event.hits, **{name: single(getattr(event.hits, name)) for name in names})
    if event.truth is None:
        return replace(event, hits=hits)
    names = ("charge", "vx", "vy", "vz", "px", "py", "pz")
    particles = event.truth.particles
    particles = replace(particles, **{name: single(getattr(particles, name)) for name in names})
    truth = event.truth
    truth = replace(truth, particles=particles, weight=single(truth.weight), energy=single(truth.energy))
    return replace(event, hits=hits, truth=truth)


@pytest.mark.parametrize("name", ["acts", "trackml"])
def test_real_events_come_back(
    name: str, request: pytest.FixtureRequest, detector: Detector, tmp_path: Path, assert_same
) -> None:
    event = open_events(request.getfixturevalue(name), detector)[0]
    write_events([event], tmp_path / "out", "parquet", detector)
    back = open_events(tmp_path / "out", detector)[0]
    assert_same(back, as_stored(event))
    assert np.abs(back.hits.xyz - event.hits.xyz).max() < 2e-4


def test_everything_an_event_can_have_comes_back(tiny: Event, tmp_path: Path, assert_same) -> None:
    write_parquet(tmp_path / "a.parquet", [tiny], None)
    assert_same(open_events(tmp_path / "a.parquet", None)[0], tiny)


def test_events_of_every_kind_share_a_file(tiny: Event, tmp_path: Path, assert_same) -> None:
    assert tiny.truth is not None
    particles = replace(tiny.truth.particles, **{n: getattr(tiny.truth.particles, n)[:0] for n in PARTICLE})
    none = Truth(particles, NONE.astype(np.int64), NONE.astype(np.int64))
    events = [
        tiny,
        Event(13, "", EMPTY),
        replace(tiny, number=14, truth=None),
        replace(tiny, number=15, hits=replace(tiny.hits, deposits=None, time=None, var_u=None)),
        Event(16, "", EMPTY, none),
    ]
    write_parquet(tmp_path / "a.parquet", events, None)
    source = open_events(tmp_path / "a.parquet", None)
    assert source.numbers == [12, 13, 14, 15, 16]
    for back, event in zip(source, events, strict=True):
        assert_same(back, event)
    assert_same(source[3], events[3])
    assert source.select([4, 0]).numbers == [16, 12]


def test_a_file_without_events(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [], None)
    with pytest.raises(BadInput, match="no events here"):
        open_events(tmp_path / "a.parquet", None)


def test_truth_and_deposits_are_read_on_request(tiny: Event, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [tiny], None)
    event = open_events(tmp_path / "a.parquet", None, truth=False, deposits=False)[0]
    assert event.truth is None
    assert event.hits.deposits is None


def test_row_groups_hold_few_events(tiny: Event, tmp_path: Path, assert_same) -> None:
    events = [replace(tiny, number=i) for i in range(40)]
    write_parquet(tmp_path / "a.parquet", events, None)
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 3
    source = open_events(tmp_path / "a.parquet", None)
    for i in (39, 0, 17):
        assert_same(source[i], events[i])


def test_what_holds_one_event_is_let_go(tiny: Event, tmp_path: Path, assert_same) -> None:
    write_parquet(tmp_path / "one.parquet", [tiny], None)
    write_parquet(tmp_path / "two.parquet", [tiny, replace(tiny, number=tiny.number + 1)], None)
    two = open_events(tmp_path / "two.parquet", None)
    assert_same(two[0], tiny)
    assert ParquetReader._latest[2] is not None
    one = open_events(tmp_path / "one.parquet", None)
    for _ in range(2):
        assert_same(one[0], tiny)
        assert ParquetReader._latest[2] is None


def test_a_source_can_be_sent_to_another_process(tiny: Event, tmp_path: Path, assert_same) -> None:
    write_parquet(tmp_path / "a.parquet", [tiny], None)
    source = open_events(tmp_path / "a.parquet", None)
    assert_same(source[0], tiny)
    assert_same(pickle.loads(pickle.dumps(source))[0], tiny)  # noqa: S301 (our own bytes, as multiprocessing does)


def test_the_same_events_give_the_same_bytes(acts: Path, detector: Detector, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_events(open_events(acts, detector), tmp_path / name, "parquet", detector)
    files = [(tmp_path / name / "events-00000.parquet").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]


def test_no_flipped_byte_passes(tiny: Event, tmp_path: Path, assert_same) -> None:
    """Flip a bit in one byte of 23, one by one: the answer is `BadInput` or the very same event."""
    file = tmp_path / "a.parquet"
    write_parquet(file, [tiny], None)
    good = file.read_bytes()
    found = 0
    places = range(0, len(good), 23)
    for place in places:
        file.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        try:
            event = open_events(file, None)[0]
        except BadInput:
            found += 1
        else:
            assert_same(event, tiny)
    assert found > 0.5 * len(places)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_off(share: float, acts: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    write_parquet(file, open_events(acts, None), None)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(BadInput, match=r"a\.parquet: damaged or cut off .*; write or fetch the file again"):
        open_events(file, None)


def test_parquet_of_another_kind(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="Parquet, but no gnnreco events"):
        open_events(tmp_path / "a.parquet", None)


def spoil(file: Path, name: str, values: list[float] | None) -> None:
    """Replace one column of a file by other lists: what a faulty writer would leave."""
    with pq.ParquetFile(file) as old:
        table, about = old.read(), old.metadata.metadata
    index = table.column_names.index(name)
    kind = table.schema.field(name).type
    table = table.set_column(index, pa.field(name, kind), pa.array([values], kind))
    schema = SCHEMA if values is not None else table.schema
    with pq.ParquetWriter(file, schema, write_page_checksum=True, store_schema=False) as writer:
        writer.add_key_value_metadata(about)
        writer.write_table(table.cast(schema))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("x", [1.0, 2, 3], "column x: 3 values where 4 are due"),
        ("x", [1.0, 2, 3, np.nan], "column x: NaN or infinity"),
        ("z", None, "column z: is missing"),
        ("hit_id", [1, 2, 1, 3], "column hit_id: the same hit id twice"),
        ("deposit_count", [2, 0, -1, 5], "column deposit_count: a negative count"),
        ("deposit_count", [2, 0, 1, 4], "column deposit_du: 6 values where 7 are due"),
        ("deposit_v0", [1, 1], "column deposit_v0: 2 values where 3 are due"),
        ("link_hit", [0, 1, 1, 4], "column link_hit: points outside the 4 rows"),
        ("link_particle", [0, 0, -1, 1], "column link_particle: points outside the 3 rows"),
        ("particle_id", [1, 2, 1], "column particle_id: the same particle id twice"),
        ("particle_px", [1.0, np.inf, 1], "column particle_px: NaN or infinity"),
        ("weight", [1.0], "column weight: 1 values where 4 are due"),
        ("link_energy", [1.0], "column link_energy: 1 values where 4 are due"),
        ("link_energy", [1.0, 2, np.nan, 1], "column link_energy: NaN or infinity"),
        ("fate", [0, 1], "column fate: 2 values where 3 are due"),
        ("fate", [0, 1, 8], "column fate: is none of the 8 that there are"),
        ("fate_parent", [-1, 0, 3], "column fate_parent: points outside the 3 rows"),
        ("fate_parent", [-1, 2, 1], "column fate_parent: a particle is its own ancestor"),
        ("fate_time", [0.0, 1, np.nan], "column fate_time: NaN or infinity"),
        ("fate_x", None, "column fate_x: is missing"),
    ],
)
def test_columns_that_contradict_each_other(
    column: str, values: list[float] | None, message: str, tiny: Event, tmp_path: Path
) -> None:
    file = tmp_path / "a.parquet"
    write_parquet(file, [tiny], None)
    spoil(file, column, values)
    with pytest.raises(BadInput, match=f"event 12, {message}"):
        open_events(file, None)[0]


def calorimeter_event(n_cells: int, n_particles: int, seed: int) -> Event:
    """Cells with one deposit each, shared between particles; what they left is a part of what the cell saw."""
    rng = np.random.default_rng(seed)
    single = rng.random((8, max(n_cells, n_particles))).astype(np.float32).astype(np.float64)
    x, y, z, time, energy = single[:5, :n_cells]
    channel = rng.integers(-(2**31), 2**31, (2, n_cells)).astype(np.int32)
    deposits = Deposits(np.arange(n_cells + 1), *channel, energy.astype(np.float32))
    hits = Hits(np.arange(n_cells), x, y, z, np.zeros(n_cells, np.int32), None, None, time, energy, deposits)
    particles = Particles(
        np.arange(n_particles) - 5,
        np.full(n_particles, 22, np.int32),
        *(single[5:6].repeat(7, 0)[:, :n_particles]),
    )
    hit, particle = np.nonzero(rng.random((n_cells, n_particles)) < 0.3)
    share = rng.random(len(hit)).astype(np.float32).astype(np.float64)
    return Event(seed, "", hits, Truth(particles, hit, particle, None, share if seed % 3 else None))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)), min_size=1, max_size=20))
def test_cells_their_energies_and_shares_come_back(
    tmp_path_factory: pytest.TempPathFactory, assert_same, sizes: list[tuple[int, int]]
) -> None:
    file = tmp_path_factory.mktemp("cells") / "a.parquet"
    events = [calorimeter_event(*size, i) for i, size in enumerate(sizes)]
    write_parquet(file, events, None)
    for back, event in zip(open_events(file, None), events, strict=True):
        assert_same(back, event)


@pytest.mark.parametrize(("version", "later"), [(1, [*ENERGY, *FATE]), (2, [*FATE])])
def test_files_of_earlier_formats_are_read(
    version: int, later: list[str], tiny: Event, tmp_path: Path, assert_same
) -> None:
    file = tmp_path / "a.parquet"
    write_parquet(file, [tiny], None)
    with pq.ParquetFile(file) as new:
        table, about = new.read().drop_columns(later), new.metadata.metadata
    with pq.ParquetWriter(file, table.schema, write_page_checksum=True, store_schema=False) as writer:
        writer.add_key_value_metadata({**about, b"gnnreco.format": f"gnnreco events {version}".encode()})
        writer.write_table(table)
    assert tiny.truth is not None
    energy = tiny.truth.energy if version == 2 else None
    assert_same(
        open_events(file, None)[0], replace(tiny, truth=replace(tiny.truth, energy=energy, fates=None))
    )
    assert_same(open_events(file, None, truth=False)[0].hits, tiny.hits)
