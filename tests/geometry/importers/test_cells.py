"""Tables of cells become sensors, or say what they lack."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, GridTemplate, PolygonTemplate, check, import_detector, load_detector


def imported(folder: Path, file: Path, **options: str) -> Detector:
    return load_detector(import_detector("cells", file, folder / "mine", options=options))


def written(folder: Path, **columns: object) -> Path:
    file = folder / "cells.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def squares(n: int = 4, size: float = 5.0) -> dict[str, np.ndarray]:
    """Two layers of n x n square cells."""
    u, v, layer = np.meshgrid(np.arange(n), np.arange(n), np.arange(2), indexing="ij")
    return {
        "x": size * u.ravel(),
        "y": size * v.ravel(),
        "z": 1000.0 + 10 * layer.ravel(),
        "layer": layer.ravel(),
        "size": np.full(u.size, size),
    }


def test_a_full_grid_is_stored_as_a_rule(tmp_path: Path) -> None:
    detector = imported(tmp_path, written(tmp_path, **squares()), thickness="0.5")
    assert check(detector) == []
    assert (detector.n_sensors, detector.n_layers, len(detector.templates)) == (2, 2, 1)
    assert isinstance(detector.templates[0], GridTemplate)
    assert detector.center.tolist() == [[7.5, 7.5, 1000], [7.5, 7.5, 1010]]
    assert detector.thickness.tolist() == [0.5, 0.5]


def test_every_cell_is_where_the_table_has_it(tmp_path: Path) -> None:
    table = squares()
    keep = np.arange(len(table["x"])) != 5  # a hole: no rule fits the layer
    table = {key: column[keep] for key, column in table.items()}
    detector = imported(tmp_path, written(tmp_path, **table), unit="cm")
    assert {type(template) for template in detector.templates} == {GridTemplate, PolygonTemplate}
    for x, y, z in zip(10 * table["x"], 10 * table["y"], 10 * table["z"], strict=True):
        sensor = int(np.flatnonzero(detector.center[:, 2] == z)[0])
        u, v = x - detector.center[sensor, 0], y - detector.center[sensor, 1]
        cell = detector.templates[detector.template[sensor]].cell_at(u, v)
        assert cell[0] >= 0
        place = detector.templates[detector.template[sensor]].position(cell)
        assert np.allclose(place, [[u, v]])


def test_staves_around_the_beam_stand_upright(tmp_path: Path) -> None:
    lines = ["x,y,z,layer,nx,ny,nz,polygon,radiation_lengths,subsystem,channel_u,channel_v"]
    for stave in range(8):
        phi = stave * math.pi / 4
        for step in range(-2, 3):
            x, y = (
                500 * math.cos(phi) - 20 * step * math.sin(phi),
                500 * math.sin(phi) + 20 * step * math.cos(phi),
            )
            along = [(-9, -30), (9, -30), (9, 30), (-9, 30)]
            corners = "; ".join(
                f"{x - a * math.sin(phi):.6f} {y + a * math.cos(phi):.6f} {b}" for a, b in along
            )
            normal = f"{math.cos(phi):.6f},{math.sin(phi):.6f},0"
            lines.append(f'{x:.6f},{y:.6f},0,3,{normal},"{corners}",1.5,barrel,7,{step + 2}')
    file = tmp_path / "cells.csv"
    file.write_text("\n".join(lines))
    detector = imported(tmp_path, file)
    assert check(detector) == []
    assert detector.n_sensors == 8
    assert detector.subsystems[0].name == "barrel"
    assert (detector.radiation_lengths == 1.5).all()
    # w points outwards, v along the beam.
    assert np.allclose(np.einsum("si,si->s", detector.rotation[:, :, 2], detector.center), 500, atol=1e-3)
    assert np.allclose(np.abs(detector.rotation[:, 2, 1]), 1)
    template = detector.templates[0]
    assert sorted(zip(*(c.tolist() for c in template.channel(np.arange(5))), strict=True)) == [
        (7, channel) for channel in range(5)
    ]


def test_tilted_planes_are_found_from_their_cells(tmp_path: Path) -> None:
    u, v = (axis.ravel() for axis in np.meshgrid(np.arange(4) * 10.0, np.arange(3) * 10.0))
    tilt = np.array([math.cos(0.3), 0, math.sin(0.3)])
    place = 800 * np.array([0.0, 0, 1]) + u[:, None] * tilt + v[:, None] * [0, 1, 0]
    corners = [
        [(p + a * tilt + [0, b, 0]).tolist() for a, b in ((-5, -5), (5, -5), (5, 5), (-5, 5))] for p in place
    ]
    columns = {axis: place[:, i] for i, axis in enumerate("xyz")}
    file = written(tmp_path, **columns, layer=np.zeros(12, int), sensor=["a"] * 12, polygon=corners)
    detector = imported(tmp_path, file)
    assert detector.n_sensors == 1
    assert np.allclose(detector.rotation[0, :, 2], [-math.sin(0.3), 0, math.cos(0.3)])
    assert detector.templates[0].n_cells == 12


@given(shift=st.tuples(*[st.floats(-2000, 2000)] * 3), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_moving_all_cells_moves_the_sensor_only(
    tmp_path_factory: pytest.TempPathFactory, shift: tuple[float, float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    size = rng.uniform(1, 9, (6, 2)).round(2)
    place = np.stack([np.cumsum(size[:, 0]) - size[:, 0] / 2, np.zeros(6), np.zeros(6)], axis=1)
    found = []
    for move in (np.zeros(3), np.round(shift, 3)):
        folder = tmp_path_factory.mktemp("moved")
        columns = {axis: place[:, i] + move[i] for i, axis in enumerate("xyz")}
        file = written(folder, **columns, layer=np.zeros(6, int), size_u=size[:, 0], size_v=size[:, 1])
        found.append(imported(folder, file))
    first, second = found
    assert np.allclose(first.templates[0].corners(np.arange(6)), second.templates[0].corners(np.arange(6)))
    assert np.allclose(second.center - first.center, np.round(shift, 3))


@pytest.mark.parametrize(
    ("change", "options", "why"),
    [
        ({"z": None}, {}, r"column z: missing; a table of cells needs x, y, z, layer and one of: size"),
        ({"size": None}, {}, "columns: missing.*polygon.*it has x, y, z, layer"),
        ({"x": np.r_[np.nan, np.zeros(31)]}, {}, "row 0, column x: empty or not finite"),
        ({"size": np.r_[1.0, 0.0, np.ones(30)]}, {}, "row 1, column size: a size must be greater than 0"),
        ({"layer": np.full(32, 0.5)}, {}, "row 0, column layer: expected a whole number"),
        ({"layer": np.zeros(32, int), "z": squares()["x"] ** 2}, {}, r"off a plane; add a column sensor"),
        ({"x": np.full(32, "left")}, {}, "column x: expected numbers"),
        (
            {"size": None, "polygon": [[0.0, 1.0, 2.0, 3.0]] * 32},
            {},
            "row 0, column polygon: .*three corners",
        ),
        ({"size": None, "polygon": ["0 0; 1 0; 1 x"] * 32}, {}, "column polygon: not understood"),
        ({}, {"unit": "inch"}, "option unit"),
        ({}, {"thickness": "thin"}, "option thickness"),
        ({}, {"field": "strong"}, "option field"),
    ],
)
def test_what_cannot_be_says_why(
    tmp_path: Path, change: dict[str, object], options: dict[str, str], why: str
) -> None:
    columns = {key: column for key, column in (squares() | change).items() if column is not None}
    with pytest.raises(BadInput, match=why):
        imported(tmp_path, written(tmp_path, **columns), **options)
    assert not (tmp_path / "mine").exists()


def test_the_material_of_a_table_without_any_may_be_told(tmp_path: Path) -> None:
    options = {"radiation_lengths": "0.8", "interaction_lengths": "0.03", "sampling_fraction": "0.02"}
    detector = imported(tmp_path, written(tmp_path, **squares()), **options)
    assert detector.radiation_lengths.tolist() == [0.8, 0.8]
    assert detector.sampling_fraction.tolist() == [0.02, 0.02]
    assert np.isnan(detector.moliere_radius).all()
    file = written(tmp_path, **squares(), radiation_lengths=np.ones(32))
    with pytest.raises(BadInput, match="option radiation_lengths: the table has a column"):
        import_detector("cells", file, tmp_path / "other", options=options)


def test_a_csv_file_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "cells.csv"
    file.write_text("x,y,z,layer,size\n1,2,3,0,5\n1,2,,0,5\n")
    with pytest.raises(BadInput, match=r"cells\.csv: line 3, column z"):
        imported(tmp_path, file)
    with pytest.raises(BadInput, match="no such file"):
        imported(tmp_path, tmp_path / "none.csv")
    file.write_text("x,y,z,layer,size\n")
    with pytest.raises(BadInput, match="no rows"):
        imported(tmp_path, file)
