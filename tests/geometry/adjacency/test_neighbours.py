"""Neighbours where it is hard: at exact distances, one sensor behind the other, between layers, kept on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadConfig
from gnnreco.geometry import (
    Detector,
    HexTemplate,
    Subsystem,
    between_layers,
    cell_graph,
    first_cell,
    hit_graph,
    load_detector,
    neighbours,
    neighbours_of,
)
from gnnreco.geometry.plane import clip
from gnnreco.kernels.cache import user_folder
from tests.geometry.adjacency.plates import SHIFT, TURN, all_ids, grid, pairs, plates
from tests.geometry.cells.templates import hexagon, polygons


def across(detector: Detector, gap: float) -> set[tuple[int, int]]:
    """Pairs of cells of different sensors."""
    ids = all_ids(detector)
    found = pairs(ids, neighbours_of(detector, ids, gap=gap))
    assert {(b, a) for a, b in found} == found
    return {(a, b) for a, b in found if a >> 32 != b >> 32}


@pytest.mark.parametrize("turn", [False, True])
def test_cells_exactly_the_gap_apart_are_neighbours(turn: bool) -> None:
    detector = plates([grid()], [(0, 0, 0), (4.7, 0, 0)])
    detector = detector.moved(TURN, SHIFT) if turn else detector
    # Four rows; straight across 0.7 mm, and slanted sqrt(0.7^2 + 0^2) to the corners of the rows beside.
    assert len(across(detector, 0.7)) == 2 * (4 + 6)
    assert across(detector, 0.7 - 1e-5) == set()


def test_sensors_back_to_back_join_through_their_faces() -> None:
    detector = plates([grid()], [(0, 0, 0), (0, 0, 0.4)], turn=[(0, 0, 0), (180, 0, 0)])
    found = across(detector, 0.4)
    ids = all_ids(detector)
    place = dict(zip(ids.tolist(), detector.cell_position(*detector.split_cell_id(ids)), strict=True))
    over = {(a, b) for a, b in found if np.allclose(place[a][:2], place[b][:2])}
    assert len(over) == 32  # every cell has its like on the other side
    assert len(found) == 2 * (16 + 2 * 24 + 2 * 18)  # and the like of each of its neighbours
    assert across(detector, 0.39) == set()


def test_staves_that_overlap_two_millimetres_apart_are_no_neighbours() -> None:
    detector = plates([grid(8, 8)], [(0, 0, 50), (7, 0, 52)])
    assert across(detector, 0.5) == set()
    assert across(detector, 2.0)


def test_a_sensor_that_stands_on_the_middle_of_another_is_found() -> None:
    detector = plates([grid(9, 9)], [(0, 0, 0), (0, 0, 4.6)], turn=[(0, 0, 0), (0, 90, 0)])
    found = across(detector, 0.2)
    lower = {detector.split_cell_id(a)[1].item() % 9 for a, _ in found if a >> 32 == 0}
    columns = {detector.split_cell_id(a)[1].item() // 9 for a, _ in found if a >> 32 == 0}
    assert lower == set(range(9))
    assert columns == {4}


def test_partial_wafers_share_only_what_is_there() -> None:
    wafers = [HexTemplate("whole", 0.3, 1.0, hexagon(10.0))]
    for cut in (2.5, 0.0, -2.5):
        below = np.array([[-9.0, -9.0], [9, -9], [9, cut], [-9, cut]])
        corners, counts = clip(hexagon(10.0)[None], below)
        wafers.append(HexTemplate(f"below {cut}", 0.3, 1.0, corners[0, : counts[0]]))
    centers = [(0, 0, 0), (0, 10.2, 0), (8.66 + 0.17, 5.1, 0), (-8.66 - 0.17, 5.1, 0)]
    detector = plates(wafers, centers, template=[0, 1, 2, 3])
    found = across(detector, 0.5)
    assert {(a >> 32, b >> 32) for a, b in found} >= {(0, 1), (1, 0)}
    ids = all_ids(detector)
    xyz = dict(zip(ids.tolist(), detector.cell_position(*detector.split_cell_id(ids)), strict=True))
    assert max(np.linalg.norm(xyz[a] - xyz[b]) for a, b in found) < 1.0 * 2 / np.sqrt(3) + 0.5


def test_polygons_with_forty_corners_and_holes_touch() -> None:
    angle = np.arange(20) * 2 * np.pi / 20
    disc = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    star = np.repeat(disc, 2, axis=0) * np.tile([2.0, 1.5], 20)[:, None]
    detector = plates(
        [polygons([star]), polygons([star, disc + np.array([6, 0])])],
        [(0, 0, 0), (4.1, 0, 0)],
        template=[0, 1],
    )
    detector = detector.moved(TURN, SHIFT)
    found = across(detector, 0.2)
    first, second = detector.cell_id([0, 1], [0, 0]).tolist()
    assert found == {(first, second), (second, first)}


def test_the_whole_table_is_the_table_of_all_cells() -> None:
    template = HexTemplate("h", 0.3, 1.0, hexagon(6.0))
    detector = plates([template], [(0, 0, 0), (0, 6.3, 0), (5.5, 3.2, 0)])
    ids = all_ids(detector)
    first = first_cell(detector)
    offsets, others = neighbours(detector, gap=0.5)
    some_offsets, some = neighbours_of(detector, ids, gap=0.5)
    sensor, cell = detector.split_cell_id(ids)
    assert (np.diff(offsets)[first[sensor] + cell] == np.diff(some_offsets)).all()
    sensor, cell = detector.split_cell_id(some)
    assert (others == first[sensor] + cell).all()


def layers(how: str, *z: float) -> tuple[Detector, set[tuple[int, int]]]:
    sensors = [(0, 0, height) for height in z]
    detector = plates([grid(thickness=1e-3)], sensors, layer=range(len(z)))
    ids = all_ids(detector)
    found = pairs(ids, between_layers(detector, ids, how))
    assert {(b, a) for a, b in found} == found
    return detector, found


def test_nearest_joins_the_cells_in_front_and_behind() -> None:
    _, found = layers("nearest", 10.0, 20.0, 30.0)
    assert found == {
        (a << 32 | c, b << 32 | c) for a in range(3) for b in (a - 1, a + 1) if 0 <= b < 3 for c in range(16)
    }


def test_projective_joins_what_a_cell_covers() -> None:
    _, found = layers("projective", 10.0, 20.0)
    # Twice as far, a cell is twice as wide: the four inner ones fill the next plane, the others look past it.
    inner = {a & 0xFFFFFFFF for a, b in found if a >> 32 == 0}
    assert inner == {5, 6, 9, 10}
    assert len(found) == 2 * 16


def test_a_crack_shows_no_layer_behind_but_a_hole_does() -> None:
    near = [(x, 0, 10) for x in (-2.1, 2.1)]
    far = [(0.0, 0, 30)]
    for apart, through in ((0.0, False), (6.0, True)):
        middle = [(x + np.sign(x) * apart, 0, 20) for x in (-2.1, 2.1)]
        detector = plates([grid(4, 4)], [*near, *middle, *far], layer=[0, 0, 1, 1, 2])
        ids = all_ids(detector)
        found = pairs(ids, between_layers(detector, ids, "nearest"))
        skipped = {(a, b) for a, b in found if (a >> 32 < 2) and b >> 32 == 4}
        assert bool(skipped) == through


def test_trackers_and_calorimeters_are_not_joined() -> None:
    detector, found = layers("nearest", 10.0, 20.0)
    assert found
    parts = (Subsystem("tracker", ("position",)), Subsystem("calorimeter", ("energy",)))
    both = dataclasses.replace(detector, subsystems=parts, subsystem=np.array([0, 1], np.int32))
    assert len(between_layers(both, all_ids(both), "nearest")[1]) == 0


def test_an_unknown_way_between_layers_is_refused() -> None:
    detector, _ = layers("nearest", 10.0, 20.0)
    with pytest.raises(BadConfig, match="neither projective nor nearest"):
        between_layers(detector, all_ids(detector), "sideways")


def test_hits_join_as_their_cells_do() -> None:
    detector = plates([grid()], [(0, 0, 10), (4.2, 0, 10), (0, 0, 20), (4.2, 0, 20)], layer=[0, 0, 1, 1])
    ids = all_ids(detector)
    random = np.random.default_rng(3)
    fired = np.concatenate([random.choice(ids, 40, replace=False), ids[:3], ids[:1]])
    sensor, cell = detector.split_cell_id(fired)
    offsets, others = hit_graph(detector, sensor, cell, gap=0.5)
    found = set(
        zip(np.repeat(np.arange(len(fired)), np.diff(offsets)).tolist(), others.tolist(), strict=True)
    )
    cells = pairs(ids, neighbours_of(detector, ids, gap=0.5, same_layer=True)) | pairs(
        ids, between_layers(detector, ids)
    )
    one, two = np.meshgrid(np.arange(len(fired)), np.arange(len(fired)), indexing="ij")
    expected = {
        (i, j)
        for i, j in zip(one.ravel().tolist(), two.ravel().tolist(), strict=True)
        if i != j and (fired[i] == fired[j] or (int(fired[i]), int(fired[j])) in cells)
    }
    assert found == expected
    time = random.uniform(0, 100, len(fired))
    offsets, others = hit_graph(detector, sensor, cell, gap=0.5, time=time, window=20.0)
    row = np.repeat(np.arange(len(fired)), np.diff(offsets))
    assert set(zip(row.tolist(), others.tolist(), strict=True)) == {
        (i, j) for i, j in expected if abs(time[i] - time[j]) <= 20
    }


def test_hits_without_cell_and_events_without_hits_have_no_neighbours() -> None:
    detector = plates([grid()], [(0, 0, 10)])
    offsets, others = hit_graph(detector, [0, -1, 0, 0], [5, -1, -1, 6])
    assert offsets.tolist() == [0, 1, 1, 1, 2]
    assert others.tolist() == [3, 0]
    offsets, others = hit_graph(detector, np.zeros(0, int), np.zeros(0, int))
    assert (offsets.tolist(), len(others)) == ([0], 0)


def test_the_table_is_kept_on_disk_and_remade_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    detector = plates([grid()], [(0, 0, 10), (4.2, 0, 10), (0, 0, 20)], layer=[0, 0, 1])
    fresh = cell_graph(detector, layers="projective", cache=False)
    assert not list(tmp_path.iterdir())
    cell_graph(detector, layers="projective")
    (file,) = user_folder().iterdir()
    sound = file.read_bytes()
    damaged = bytearray(sound)
    damaged[len(sound) // 2] ^= 4
    for content in (sound, bytes(damaged), sound[:-8], b"", b"something else altogether", sound + bytes(8)):
        file.write_bytes(content)
        for one, two in zip(fresh, cell_graph(detector, layers="projective"), strict=True):
            assert (one == two).all()
        assert file.read_bytes() == sound
    cell_graph(detector)
    cell_graph(detector.misaligned(0.1, 1))
    assert len(list(user_folder().iterdir())) == 3
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert len(cell_graph(detector)[1])  # a folder that cannot be made is no fault
    with pytest.raises(ValueError, match="neighbours_of"):
        cell_graph(load_detector("trackml"))


def test_the_whole_table_holds_layers_too() -> None:
    detector = plates([grid()], [(0, 0, 10), (4.2, 0, 10), (0, 0, 20)], layer=[0, 0, 1])
    offsets, others = cell_graph(detector, layers="projective", gap=0.5, cache=False)
    sensor, cell = detector.split_cell_id(all_ids(detector))
    hits = hit_graph(detector, sensor, cell, gap=0.5)
    assert (hits[0] == offsets).all()
    assert (hits[1] == others).all()
