"""ACTS CSV: every column lands where it should, and the traps of the format are known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.geometry import Detector, load_detector
from tests.events.conftest import CORPUS


def rows(folder: Path, kind: str) -> list[dict[str, str]]:
    with (folder / f"event000000007-{kind}.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_hits_are_the_measurements(acts: Path, detector: Detector) -> None:
    event = open_events(acts, detector)[0]
    table = rows(acts, "measurements")
    hits = event.hits
    assert event.number == 7
    assert len(hits) == len(table) == 203
    np.testing.assert_array_equal(hits.x, [float(row["global_x"]) for row in table])
    np.testing.assert_array_equal(hits.z, [float(row["global_z"]) for row in table])
    np.testing.assert_array_equal(hits.var_u, [float(row["var_local0"]) for row in table])
    assert hits.time is None
    labels = detector.labels["acts_geometry_id"][hits.sensor]
    np.testing.assert_array_equal(labels, [int(row["geometry_id"]) for row in table])


def test_hits_lie_where_the_local_position_says(acts: Path, detector: Detector) -> None:
    """The frames of the sensors are those of ACTS, so variances and channels have the right axes."""
    hits = open_events(acts, detector)[0].hits
    local = detector.to_local(hits.sensor, hits.xyz)
    table = rows(acts, "measurements")
    np.testing.assert_allclose(local[:, 0], [float(row["local0"]) for row in table], atol=0.01)
    np.testing.assert_allclose(local[:, 1], [float(row["local1"]) for row in table], atol=0.01)


def test_deposits_belong_to_their_hits(acts: Path) -> None:
    deposits = open_events(acts, None)[0].hits.deposits
    table = rows(acts, "cells")
    assert deposits is not None
    for hit in (0, 17, 202):
        mine = [row for row in table if int(row["measurement_id"]) == hit]
        part = slice(deposits.offsets[hit], deposits.offsets[hit + 1])
        np.testing.assert_array_equal(deposits.u[part], [int(row["channel0"]) for row in mine])
        np.testing.assert_array_equal(deposits.v[part], [int(row["channel1"]) for row in mine])
        np.testing.assert_allclose(deposits.value[part], [float(row["value"]) for row in mine])


def test_cells_in_any_order_are_sorted_by_hit(acts: Path, assert_same) -> None:
    before = open_events(acts, None)[0]
    file = acts / "event000000007-cells.csv"
    header, *lines = file.read_text().splitlines()
    # Reversed by hit, but not within a hit: the order there is kept.
    lines.sort(key=lambda line: -int(line.split(",")[1]))
    file.write_text("\n".join([header, *lines]) + "\n")
    assert_same(open_events(acts, None)[0], before)


def test_links_follow_the_row_of_a_true_hit_not_its_index(acts: Path) -> None:
    event = open_events(acts, None)[0]
    assert event.truth is not None
    true_hits, particles = rows(acts, "hits"), event.truth.particles
    names = ("pv", "sv", "part", "gen", "subpart")
    pairs = set()
    for row in rows(acts, "measurement-simhit-map"):
        hit = true_hits[int(row["hit_id"])]
        pv, sv, part, gen, sub = (int(hit[f"particle_id_{name}"]) for name in names)
        packed = (((pv << 12 | sv) << 16 | part) << 8 | gen) << 15 | sub
        pairs.add((int(row["measurement_id"]), packed))
    found = zip(event.truth.hit.tolist(), particles.particle_id[event.truth.particle].tolist(), strict=True)
    assert set(found) == pairs
    assert len(event.truth.hit) > len(event.hits), "some hits are shared"
    assert np.all(np.diff(event.truth.hit) >= 0)


def test_particles_without_hits_and_secondaries_are_kept(acts: Path) -> None:
    truth = open_events(acts, None)[0].truth
    assert truth is not None
    assert len(truth.particles) == len(rows(acts, "particles_simulated")) == 23
    assert len(np.unique(truth.particle)) < 23
    assert np.count_nonzero(truth.particles.particle_id >> 15 & 0xFF) >= 1, "a generation above 0"


def test_a_particle_that_is_not_listed_is_kept_with_its_innermost_hit(acts: Path) -> None:
    full = open_events(acts, None)[0].truth
    assert full is not None
    file = acts / "event000000007-particles_simulated.csv"
    lines = file.read_text().splitlines(keepends=True)
    lost = int(np.bincount(full.particle).argmax())
    file.write_text("".join(lines[: lost + 1] + lines[lost + 2 :]))
    truth = open_events(acts, None)[0].truth
    assert truth is not None
    assert set(truth.particles.particle_id) == set(full.particles.particle_id)
    row = int(np.flatnonzero(truth.particles.particle_id == full.particles.particle_id[lost])[0])
    assert truth.particles.pdg[row] == 0
    assert truth.particles.charge[row] == 0
    momentum = truth.particles.px[row], truth.particles.py[row]
    np.testing.assert_allclose(
        np.hypot(*momentum), np.hypot(full.particles.px[lost], full.particles.py[lost]), rtol=0.1
    )
    np.testing.assert_array_equal(truth.hit, full.hit)


def test_a_barcode_too_large_to_pack_is_refused(acts: Path) -> None:
    file = acts / "event000000007-particles_simulated.csv"
    header, first, *rest = file.read_text().splitlines(keepends=True)
    fields = first.split(",")
    file.write_text("".join([header, ",".join(["4096", *fields[1:]]), *rest]))
    with pytest.raises(BadInput, match="line 2, column particle_id_pv: 4096 does not fit the 12 bits"):
        open_events(acts, None)[0]


def test_older_files_with_one_particle_id(acts: Path) -> None:
    """Before version 39 a particle had one 64-bit number."""
    before = open_events(acts, None)[0].truth
    assert before is not None
    for kind in ("hits", "particles_simulated"):
        table = rows(acts, kind)
        names = [name for name in table[0] if not name.startswith("particle_id_")]
        lines = [",".join(["particle_id", *names])]
        for row in table:
            pv, sv, part, gen, sub = (
                int(row[f"particle_id_{n}"]) for n in ("pv", "sv", "part", "gen", "subpart")
            )
            number = (((pv << 12 | sv) << 16 | part) << 8 | gen) << 16 | sub
            lines.append(",".join([str(number), *(row[name] for name in names)]))
        (acts / f"event000000007-{kind}.csv").write_text("\n".join(lines) + "\n")
    truth = open_events(acts, None)[0].truth
    assert truth is not None
    np.testing.assert_array_equal(truth.hit, before.hit)
    np.testing.assert_array_equal(truth.particle, before.particle)


@pytest.mark.parametrize(
    ("key", "u", "v", "time"),
    [
        ("\x06", True, True, False),
        ("6", True, True, False),
        ("\x02", True, False, False),
        ("70", True, True, True),
    ],
)
def test_local_key_says_what_was_measured(acts: Path, key: str, u: bool, v: bool, time: bool) -> None:
    file = acts / "event000000007-measurements.csv"
    file.write_bytes(file.read_bytes().replace(b",\x06,", f",{key},".encode()))
    hits = open_events(acts, None)[0].hits
    assert hits.var_u is not None
    assert hits.var_v is not None
    assert bool(np.isfinite(hits.var_u).all()) is u
    assert bool(np.isfinite(hits.var_v).all()) is v
    assert (hits.time is not None) is time


def test_times_are_nanoseconds(acts: Path) -> None:
    """The file holds them as the path of light, mm."""
    file = acts / "event000000007-measurements.csv"
    header, *lines = file.read_bytes().replace(b",\x06,", b",70,").splitlines()
    fields = lines[3].split(b",")
    fields[7] = b"29.9792458"
    file.write_bytes(b"\n".join([header, *lines[:3], b",".join(fields), *lines[4:], b""]))
    time = open_events(acts, None)[0].hits.time
    assert time is not None
    assert time[3] == pytest.approx(0.1)


def test_columns_that_may_be_absent(acts: Path) -> None:
    file = acts / "event000000007-measurements.csv"
    table = rows(acts, "measurements")
    keep = ("geometry_id", "global_x", "global_y", "global_z")
    lines = [",".join(keep), *(",".join(row[name] for name in keep) for row in table)]
    file.write_text("\n".join(lines) + "\n")
    hits = open_events(acts, None)[0].hits
    assert hits.var_u is None
    assert hits.var_v is None
    np.testing.assert_array_equal(hits.hit_id, np.arange(203))


def test_without_its_optional_files(acts: Path) -> None:
    for kind in ("cells", "hits"):
        (acts / f"event000000007-{kind}.csv").unlink()
    event = open_events(acts, None)[0]
    assert event.truth is None
    assert event.hits.deposits is None


def test_true_hits_without_particles_are_refused(acts: Path) -> None:
    (acts / "event000000007-particles_simulated.csv").unlink()
    with pytest.raises(BadInput, match=r"without a particle file .* read without truth"):
        open_events(acts, None)[0]
    assert len(open_events(acts, None, truth=False)[0].hits) == 203


def without(file: Path, names: set[str]) -> None:
    """Drop columns of a table."""
    rows = [line.split(",") for line in file.read_bytes().decode("latin1").split("\n")[:-1]]
    keep = [i for i, name in enumerate(rows[0]) if name not in names]
    text = "".join(",".join(row[i] for i in keep) + "\n" for row in rows)
    file.write_bytes(text.encode("latin1"))


def test_local_positions_are_placed_by_the_sensors_frames(acts: Path, detector: Detector) -> None:
    whole = open_events(acts, detector)[0].hits
    without(acts / "event000000007-measurements.csv", {"global_x", "global_y", "global_z"})
    read = open_events(acts, detector)[0].hits
    np.testing.assert_allclose(read.xyz, whole.xyz, atol=1e-4)
    np.testing.assert_array_equal(read.sensor, whole.sensor)
    with pytest.raises(
        BadInput, match=r"no detector is given; write global_x, global_y, global_z too, or give"
    ):
        open_events(acts, None)[0]


def test_local_positions_that_nothing_places(detector: Detector) -> None:
    folder = CORPUS.parent / "acts-local-measurements" / "local"
    with pytest.raises(
        BadInput, match=r"the sensors of telescope have none; write global_x, global_y, global_z too"
    ):
        open_events(folder, load_detector("telescope"))[0]
    with pytest.raises(
        BadInput, match=r"line 2, column geometry_id: 255 is no sensor of trackml \(24 such rows\)"
    ):
        open_events(folder, detector)[0]
