"""Layers that a file does not number are planes and shells, wherever they stand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gnnreco.geometry.importers.layers import layers

Places = list[tuple[tuple[float, float, float], tuple[float, float, float]]]


def numbered(
    center: np.ndarray,
    normal: np.ndarray,
    size: tuple[float, float] = (10, 10),
    system: np.ndarray | None = None,
) -> list[int]:
    """Layers of equal rectangles, u across z and the normal."""
    w = normal / np.linalg.norm(normal, axis=1)[:, None]
    u = np.cross(np.where(np.abs(w[:, 2:]) > 0.99, [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]), w)
    u /= np.linalg.norm(u, axis=1)[:, None]
    rotation = np.stack([u, np.cross(w, u), w], axis=2)
    outline = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(size) / 2
    zero = np.zeros(len(center), np.int64)
    return layers(center, rotation, zero if system is None else system, [outline], zero).tolist()


def found(places: Places, size: tuple[float, float] = (10, 10)) -> list[int]:
    center, normal = (np.array([place[i] for place in places], float) for i in range(2))
    return numbered(center, normal, size)


def wall(axis: int, offset: float, strips: int = 10) -> Places:
    """Strips side by side in one plane across an axis; every second normal is turned round."""
    result: Places = []
    for strip in range(strips):
        place, normal = np.zeros(3), np.zeros(3)
        place[axis], place[(axis + 1) % 3] = offset, 100 * (strip - strips / 2 + 0.5)
        normal[axis] = (-1) ** strip
        result.append((tuple(place), tuple(normal)))
    return result


def barrel(
    radius: float, staves: int, tilt: float = 0.0, theta: float = 0.0, stagger: float = 0.0, z: float = 0.0
) -> Places:
    """Staves around z, turned by `tilt` about z, leaning by `theta` towards z, every second one `stagger` closer."""
    result: Places = []
    for stave in range(staves):
        phi, r = 2 * np.pi * stave / staves, radius - stagger * (stave % 2)
        leans = (np.cos(phi + tilt) * np.cos(theta), np.sin(phi + tilt) * np.cos(theta), np.sin(theta))
        result.append(((r * np.cos(phi), r * np.sin(phi), z), leans))
    return result


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_strips_side_by_side_are_one_layer(axis: int) -> None:
    assert found(wall(axis, 500)) == [0] * 10
    planes = [strip for offset in (-520, -500, 500, 520) for strip in wall(axis, offset)]
    assert found(planes) == np.repeat(np.arange(4), 10).tolist()


def test_the_walls_of_a_box_are_six_layers() -> None:
    box = [strip for axis in range(3) for offset in (-500, 500) for strip in wall(axis, offset)]
    numbers = np.array(found(box)).reshape(6, 10)
    assert (numbers == numbers[:, :1]).all()
    assert sorted(numbers[:, 0].tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("staves", [5, 6, 8, 16, 31])
@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_the_staves_of_a_barrel_are_one_layer(staves: int, tilt: float) -> None:
    places = [place for z in (-80.0, 0.0, 80.0) for place in barrel(40, staves, tilt, z=z)]
    assert set(found(places)) == {0}
    second = [place for z in (-80.0, 0.0, 80.0) for place in barrel(70, staves + 3, tilt, z=z)]
    assert found(second + places) == [1] * len(second) + [0] * len(places)


def test_modules_side_by_side_on_one_facet_of_a_barrel() -> None:
    facets: Places = []
    for phi in np.arange(8) * np.pi / 4:
        normal = np.array([np.cos(phi), np.sin(phi), 0.0])
        for step in (-100, 0, 100):
            facets.append(
                (tuple(400 * normal + step * np.array([-normal[1], normal[0], 0.0])), tuple(normal))
            )
    assert found(facets) == [0] * 24


def test_overlapping_ladders_are_one_layer_and_two_radii_are_two() -> None:
    places = barrel(33, 12, stagger=2.5) + barrel(61, 20, stagger=2.5)
    assert found(places) == [0] * 12 + [1] * 20


def test_leaning_modules_belong_to_the_layer_at_their_radius() -> None:
    rings = [
        place
        for z, theta in ((0, 0), (60, 0.2), (120, 0.5), (-60, -0.2))
        for place in barrel(300, 24, theta=theta, z=z)
    ]
    assert set(found(rings)) == {0}


def test_disks_of_turned_blades() -> None:
    disks: Places = []
    for z in (-90.0, 90.0, 140.0):
        for phi in np.arange(20) * np.pi / 10:
            across = np.array([-np.sin(phi), np.cos(phi), 0.0])
            normal = np.cos(0.35) * np.array([0.0, 0.0, 1.0]) + np.sin(0.35) * across
            disks.append(((100 * np.cos(phi), 100 * np.sin(phi), z + 2 * (len(disks) % 2)), tuple(normal)))
    assert found(disks) == np.repeat([0, 1, 2], 20).tolist()


def test_the_sheets_of_a_stack_are_layers_however_near() -> None:
    """Crossed strips, 3 mm from one another; staggered ladders, 3 mm too, are one layer as before."""
    strips: Places = [((500, y, 0), (1, 0, 0)) for y in range(-450, 500, 100)]
    assert (
        found([((x + step, y, z), n) for step in (0, 3, 6) for (x, y, z), n in strips], (100, 1000))
        == np.repeat([0, 1, 2], 10).tolist()
    )
    crossed: Places = [((503, 0, z), (1, 0, 0)) for z in range(-450, 500, 100)]
    center = np.array([place[0] for place in strips + crossed], float)
    rotation = np.tile(np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), (20, 1, 1))
    rotation[10:] = [[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    outline = np.array([[-50, -500], [50, -500], [50, 500], [-50, 500]], float)
    zero = np.zeros(20, np.int64)
    assert layers(center, rotation, zero, [outline], zero).tolist() == np.repeat([0, 1], 10).tolist()
    ladders: Places = [((500 + 3 * (i % 2), 95 * i, 0), (1, 0, 0)) for i in range(8)]
    assert found(ladders, (100, 1000)) == [0] * 8
    stave = [place for r in np.arange(40, 52, 3.75) for place in barrel(r, 8)]
    assert found(stave, (20, 200)) == np.repeat([0, 1, 2, 3], 8).tolist()


def test_a_telescope_of_tilted_planes() -> None:
    places: Places = [((x, 0, z), (0.4, 0, 1)) for z in (0, 100, 200) for x in (-20, 0, 20)]
    aligned: Places = [((x, 0, z - 0.4 * x), (0.4, 0, 1)) for z in (0, 100, 200) for x in (-20, 0, 20)]
    assert found(aligned) == np.repeat([0, 1, 2], 3).tolist()
    assert len(set(found(places))) == 9


def test_moving_and_turning_a_barrel_changes_nothing() -> None:
    places = [place for r, n in ((30, 12), (60, 16), (110, 22)) for place in barrel(r, n, 0.2)]
    center, normal = (np.array([place[i] for place in places]) for i in range(2))
    a, b = 0.7, 1.1
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    here = numbered(center, normal)
    assert here == np.repeat([0, 1, 2], [12, 16, 22]).tolist()
    assert numbered(center @ turn.T + [300, -40, 900], normal @ turn.T) == here


def test_subsystems_share_no_layer_and_are_numbered_one_after_the_other() -> None:
    places = wall(0, 500) + wall(1, 500)
    center, normal = (np.array([place[i] for place in places]) for i in range(2))
    assert numbered(center, normal, system=np.repeat([1, 0], 10)) == [1] * 10 + [0] * 10


def test_many_pointing_towers_cost_little() -> None:
    phi, eta = (grid.ravel() for grid in np.meshgrid(np.arange(200) * np.pi / 100, np.arange(-1, 1, 0.02)))
    center = np.stack([1300 * np.cos(phi), 1300 * np.sin(phi), 1300 * np.sinh(eta)], axis=1)
    normal = center / np.linalg.norm(center, axis=1)[:, None]
    assert set(numbered(center, normal)) == {0}
    radii = [1300.0, 1340.0]
    both = np.concatenate([center * r / 1300 for r in radii])
    numbers = np.array(numbered(both, np.concatenate([normal, normal]))).reshape(2, -1)
    assert all(len(set(row.tolist())) == 1 for row in numbers)
    assert all(a < b for a, b in pairwise(numbers[:, 0].tolist()))
