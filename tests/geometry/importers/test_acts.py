"""Geometries that ACTS writes become detectors with the same sensors, or say where they are at fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.geometry import Detector, check, import_detector, load_detector

HEADER = (
    "geometry_id,volume_id,boundary_id,layer_id,module_id,extra_id,cx,cy,cz,rot_xu,rot_xv,rot_xw,rot_yu,rot_yv,"
    "rot_yw,rot_zu,rot_zv,rot_zw,bounds_type,bound_param0,bound_param1,bound_param2,bound_param3,bound_param4,"
    "bound_param5,bound_param6,module_t,pitch_u,pitch_v"
)
# Lines of the kind ACTS 48 writes: an approach surface, a rectangle and a trapezoid.
APPROACH = "72057662757404672,1,0,1,0,0,0,0,-1.25,1,0,0,0,1,0,0,0,1,6,-25,-100,25,100,-1,-1,-1,-1,-1,-1"
RECTANGLE = (
    "504403845460278272,7,0,10,60,0,32.05,-136.28,-818,0.973438084,0.228950545,0,0.228950545,-0.973438084,0,0,0,-1,"
    "6,-8.39999962,-36,8.39999962,36,-1,-1,-1,0.150000006,-1,-1"
)
TRAPEZOID = (
    "864691265894088960,12,0,2,1,0,-317.462,-18.49,-2948.5,0.05814482,-0.99830815,0,-0.99830815,-0.05814482,0,0,0,-1,"
    "7,16.4,24.2,78,0,-1,-1,-1,0.25,-1,-1"
)


def table(folder: Path, *lines: str, header: str = HEADER) -> Path:
    file = folder / "detectors.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def surface(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A surface as ACTS writes it."""
    slab = {"material": [93.7, 465.2, 28.09, 14.0, 8.3e-5], "thickness": 0.3}
    plain: dict[str, Any] = {
        "type": "PlaneSurface",
        "geo_id": {"volume": 3, "layer": 2, "sensitive": number},
        "sensitive": True,
        "transform": {"rotation": None, "translation": [0.0, 0.0, 30.0 * number]},
        "bounds": {"type": "RectangleBounds", "values": [-10.0, -5.0, 10.0, 5.0]},
        "material": {"type": "homogeneous", "data": [[slab]]},
    }
    return {**plain, **changes}


def written(folder: Path, content: Any) -> Path:
    file = folder / "surfaces.json"
    file.write_text(json.dumps(content))
    return file


def imported(folder: Path, content: Any, **options: str) -> Detector:
    file = written(folder, content)
    target = import_detector("acts-json", file, folder / "mine", None, {"pitch": "0.1,0.5", **options})
    return load_detector(target)


def test_sensitive_lines_of_the_table_become_sensors(tmp_path: Path) -> None:
    file = table(tmp_path, APPROACH, RECTANGLE, TRAPEZOID)
    detector = load_detector(
        import_detector("acts-csv", file, tmp_path / "mine", "two", {"pitch": "0.05,0.1", "field": "3"})
    )
    assert check(detector) == []
    assert (detector.name, detector.n_sensors, detector.n_layers) == ("two", 2, 2)
    assert detector.labels["acts_geometry_id"].tolist() == [504403845460278272, 864691265894088960]
    assert detector.half_u.tolist() == [8.4, 24.2]
    assert detector.thickness.tolist() == [0.15, 0.25]
    assert detector.field.at(np.zeros((1, 3)))[0, 2] == 3.0
    # The trapezoid is narrow at negative v.
    assert detector.cell_at([1, 1], [20.0, 20.0], [-70.0, 70.0])[0] == -1
    assert detector.cell_at([1], [20.0], [70.0])[0] >= 0


def test_digitization_gives_each_volume_its_cells(tmp_path: Path) -> None:
    axes = [
        {"bins": 336, "min": -8.4, "max": 8.4, "value": "binX"},
        {"bins": 1440, "min": -36, "max": 36, "value": "binY"},
    ]
    entries = [
        {"volume": 7, "value": {"geometric": {"segmentation": {"binningdata": axes}}}},
        {"volume": 12, "layer": 2, "value": {"smearing": [{"index": 0, "stddev": 0.01, "type": "Gauss"}]}},
    ]
    config = tmp_path / "digitization.json"
    config.write_text(json.dumps({"entries": entries}))
    file = table(tmp_path, RECTANGLE, TRAPEZOID)
    detector = load_detector(
        import_detector("acts-csv", file, tmp_path / "mine", None, {"digitization": str(config)})
    )
    assert np.allclose(detector.pitch_u, [0.05, 0.01 * np.sqrt(12)])
    # A coordinate that is not measured is one strip over the whole sensor.
    assert np.allclose(detector.pitch_v, [0.05, 156.0])
    assert detector.resolution_u[1] == pytest.approx(0.01)
    config.write_text(json.dumps({"entries": [{"volume": 7, "value": {"smearing": [{"stddev": 1}]}}]}))
    with pytest.raises(BadInput, match=r"entries\[0\]: not an entry"):
        import_detector("acts-csv", file, tmp_path / "other", None, {"digitization": str(config)})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"acts-geometry-hierarchy-map": {}, "entries": [{"volume": 3, "value": one} for one in s]},
        lambda s: {"surfaces": s, "volumes": []},
        lambda s: {"Surfaces": {"entries": s}},
        lambda s: s,
    ],
)
def test_every_form_of_json_gives_the_same_sensors(tmp_path: Path, wrap: Any) -> None:
    portal = surface(9, sensitive=False, bounds={"type": "RadialBounds", "values": [0, 9, 3.14, 0]})
    detector = imported(tmp_path, wrap([surface(1), portal, surface(2)]))
    assert check(detector) == []
    assert detector.center[:, 2].tolist() == [30.0, 60.0]
    assert detector.radiation_lengths == pytest.approx([0.3 / 93.7] * 2)
    expected = [(3 << 56) | (2 << 36) | (number << 8) for number in (1, 2)]
    assert detector.labels["acts_geometry_id"].tolist() == expected


def test_surfaces_without_identifiers_are_layers_by_place(tmp_path: Path) -> None:
    wall = [
        surface(geo_id=0, transform={"translation": [21.0 * x, 0, z]}) for z in (10, 90) for x in range(3)
    ]
    detector = imported(tmp_path, wall)
    assert detector.layer.tolist() == [0, 0, 0, 1, 1, 1]
    assert "Layers: planes" in (tmp_path / "mine" / "README.md").read_text()


def test_hits_that_acts_writes_name_their_sensors(tmp_path: Path) -> None:
    detector = imported(tmp_path, [surface(1), surface(2)])
    code = detector.labels["acts_geometry_id"]
    file = tmp_path / "event000000000-measurements.csv"
    rows = [f"{i},{code[s]},3.0,1.0,{30 * (s + 1)}" for i, s in enumerate((1, 0, 1))]
    file.write_text("\n".join(["measurement_id,geometry_id,global_x,global_y,global_z", *rows]) + "\n")
    (event,) = open_events([file], detector, truth=False)
    assert event.hits.sensor.tolist() == [1, 0, 1]
    assert detector.locate(event.hits.xyz).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("kind", "values", "inside", "outside"),
    [
        ("Trapezoid", [5, 10, 8, 0], [(9, 7.5), (-9, 7.5), (4, -7.5)], [(9, -7.5)]),
        ("Trapezoid", [5, 10, 8, np.pi / 2], [(-7.5, 9)], [(7.5, 9), (9, 7.5)]),
        ("Diamond", [1, 6, 3, 5, 7], [(5.5, 0), (0, 6.5)], [(5, -4), (5, 6)]),
        ("ConvexPolygon", [0, 0, 8, 0, 9, 4, 0, 6], [(1, 1), (8, 3)], [(-1, 1), (8, 6)]),
        ("Rectangle", [2, 3, 12, 8], [(3, 4), (11, 7)], [(0, 0), (3, 2)]),
        ("Annulus", [20, 30, -0.1, 0.1, 0, 0, 0], [(25, 2), (29.9, 0)], [(18, 0), (31, 0), (25, 4)]),
        ("Annulus", [20, 30, -0.1, 0.1, 0, -2, 0], [(19, 0), (27.9, 0)], [(29, 0), (17, 0)]),
        ("Radial", [20, 30, 0.1, np.pi / 2], [(0, 25), (2, 29)], [(25, 0), (0, 18)]),
    ],
)
def test_bounds_keep_their_place(
    tmp_path: Path, kind: str, values: list[float], inside: list[Any], outside: list[Any]
) -> None:
    """Positions in the frame of the ACTS surface lie on the sensor if, and only if, they lie in the bounds."""
    bounds = {"type": f"{kind}Bounds", "values": values}
    sort = "DiscSurface" if kind in ("Annulus", "Radial") else "PlaneSurface"
    detector = imported(tmp_path, [surface(1, bounds=bounds, type=sort)])
    assert check(detector) == []
    points = np.array([(*point, 30.0) for point in (*inside, *outside)])
    assert (detector.locate(points, 1e-3) >= 0).tolist() == [True] * len(inside) + [False] * len(outside)


def test_an_arc_leaves_no_hit_outside(tmp_path: Path) -> None:
    bounds = {"type": "AnnulusBounds", "values": [380, 480, -0.1, 0.1, 0, 0, 0]}
    detector = imported(tmp_path, [surface(1, bounds=bounds, type="DiscSurface")])
    phi, r = np.meshgrid(np.linspace(-0.0999, 0.0999, 41), [380.0, 479.999])
    points = np.stack([r * np.cos(phi), r * np.sin(phi), np.full(r.shape, 30.0)], axis=-1).reshape(-1, 3)
    assert (detector.locate(points, 1e-6) == 0).all()


MIRROR = {"rotation": [1, 0, 0, 0, 1, 0, 0, 0, -1], "translation": [0, 0, 0]}
SKEW = {"rotation": [1, 0.2, 0, 0, 1, 0, 0, 0, 1], "translation": [0, 0, 0]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([surface(1), surface(2, bounds=None)], r"\[1\]: a surface without bounds"),
        ([surface(1, transform=MIRROR)], r"\[0\]: the rotation is left-handed"),
        ([surface(1, transform=SKEW)], "axes are not unit and square"),
        ([surface(1, transform={"translation": [1, 2]})], "do not hold the numbers"),
        ([surface(1, transform={"translation": [1, 2, float("inf")]})], "holds Infinity"),
        ([surface(1, bounds={"type": "EllipseBounds", "values": [1] * 6})], "Ellipse bounds cannot be held"),
        ([surface(1, bounds={"type": "RectangleBounds", "values": [1]})], "do not have these values"),
        ([surface(1, type="CylinderSurface")], "CylinderSurface cannot be held; sensors must be flat"),
        ([surface(1), surface(1)], r"\[1\]: has the geometry identifier .* of \[0\]"),
        ([surface(1, sensitive=False)], "no sensitive surface"),
        ([surface(1, material=None)], "nothing tells the thickness of volume 3; add thickness=T"),
        ({"volumes": []}, "no list of surfaces"),
        ([3], "expected a surface"),
    ],
)
def test_bad_json_says_where(tmp_path: Path, content: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        imported(tmp_path, content)
    assert not (tmp_path / "mine").exists()


def test_a_file_cut_short_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "surfaces.json"
    file.write_text(json.dumps({"surfaces": [surface(1), surface(2)]}, indent=1)[:-40])
    with pytest.raises(BadInput, match=r"line \d+: is not JSON"):
        import_detector("acts-json", file, tmp_path / "mine")


@pytest.mark.parametrize(
    ("lines", "header", "options", "why"),
    [
        ([RECTANGLE], HEADER.replace("module_id,", "module,"), {}, "column module_id: missing"),
        ([APPROACH], HEADER, {}, "no sensitive surface"),
        ([RECTANGLE], HEADER, {}, "line 2: nothing tells the cell size of volume 7; add pitch=U,V"),
        ([RECTANGLE], HEADER, {"pitch": "0.1"}, "option pitch: expected 2 numbers above 0"),
        ([RECTANGLE], HEADER, {"pich": "1,1"}, "option pich: not an option of acts-csv; there are: pitch"),
        ([RECTANGLE, RECTANGLE], HEADER, {"pitch": "1,1"}, "line 3: has the geometry identifier"),
        (
            [RECTANGLE.replace(",0,0,-1,", ",0,0,1,")],
            HEADER,
            {"pitch": "1,1"},
            "line 2: the rotation is left-handed",
        ),
        ([RECTANGLE.replace(",6,", ",99,")], HEADER, {"pitch": "1,1"}, "column bounds_type: unknown kind"),
    ],
)
def test_a_bad_table_says_where(
    tmp_path: Path, lines: list[str], header: str, options: dict[str, str], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        import_detector("acts-csv", table(tmp_path, *lines, header=header), tmp_path / "mine", None, options)
