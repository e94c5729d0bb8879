"""The ``sensors`` section: tables in the units of the file, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadGeometry
from gnnreco.geometry.description.placement import AXES, LENGTHS, OPTIONAL, Placed, place
from gnnreco.geometry.description.reading import read_description
from tests.geometry.adjacency.plates import grid


def table(n: int = 3, **more: object) -> dict[str, object]:
    return {
        "sensor_id": np.arange(n) + 100,
        "template": ["grid"] * n,
        "subsystem": (["front", "back"] * n)[:n],
        "layer": np.arange(n),
        **{axis: np.arange(n) * 1.5 for axis in "xyz"},
        **dict(zip(AXES, np.eye(3).ravel()[:, None] * np.ones(n), strict=True)),
        **more,
    }


def placed(folder: Path, columns: dict[str, object], entry: str = "", unit: str = "cm") -> Placed:
    pq.write_table(pa.table(columns), folder / "sensors.parquet")
    text = f"units: {{length: {unit}, angle: deg}}\nsensors:\n  - {{table: sensors.parquet{entry}}}\n"
    (folder / "detector.yaml").write_text(text)
    (only,) = read_description(folder / "detector.yaml").sections("sensors")
    return place(only, [grid()], ["front", "back"])


def test_lengths_are_in_the_unit_of_the_file_and_axes_and_ratios_are_not(tmp_path: Path) -> None:
    told = {name: np.full(3, 2.0) for name in OPTIONAL}
    found = placed(tmp_path, table(**told))
    np.testing.assert_allclose(found.center[:, 0], [0, 15, 30])
    np.testing.assert_array_equal(found.rotation, np.tile(np.eye(3), (3, 1, 1)))
    assert found.sensor_id.tolist() == [100, 101, 102]
    assert found.subsystem.tolist() == [0, 1, 0]
    for name in OPTIONAL:
        assert found.told[name].tolist() == [20.0 if name in LENGTHS else 2.0] * 3


def test_what_a_table_leaves_out_is_for_the_subsystem_to_tell(tmp_path: Path) -> None:
    found = placed(tmp_path, table())
    assert set(found.told) == set(OPTIONAL)
    assert all(np.isnan(column).all() for column in found.told.values())


def test_other_columns_are_labels_which_may_name_a_sensor(tmp_path: Path) -> None:
    columns = table(module=np.array([7, 8, 9]), side=np.array([0, 1, 0]))
    found = placed(tmp_path, columns, ", identify: [[module], [side, module]]")
    assert found.labels["module"].tolist() == [7, 8, 9]
    assert found.identify == (("module",), ("side", "module"))
    assert placed(tmp_path, columns).identify == ()


def test_a_rule_has_no_numbers_of_its_own(tmp_path: Path) -> None:
    text = "units: {length: cm}\nsensors:\n  - {rule: planes, template: grid, subsystem: back, z: [1, 2]}\n"
    (tmp_path / "detector.yaml").write_text(text)
    (only,) = read_description(tmp_path / "detector.yaml").sections("sensors")
    found = place(only, [grid()], ["front", "back"])
    assert found.sensor_id.tolist() == [-1, -1]
    assert found.subsystem.tolist() == [1, 1]
    np.testing.assert_allclose(found.center[:, 2], [10, 20])


@pytest.mark.parametrize(
    ("change", "entry", "why"),
    [
        (
            {"module": np.arange(3)},
            ", identify: [[modul]]",
            "expected lists of label columns; there are: module",
        ),
        ({"module": np.arange(3)}, ", identify: module", "expected lists of label columns"),
        ({"module": np.arange(3)}, ", identify: [[]]", "expected lists of label columns"),
        ({"module": np.array([0.5, 1, 2])}, "", "row 0, column module: expected whole numbers"),
        (
            {"template": ["grid", "grid", "hex"]},
            "",
            r"row 2, column template: 'hex' is not in detector\.yaml: grid",
        ),
        ({"layer": np.array([0, 1, 10**6])}, "", "row 2, column layer: larger than 100,000"),
        ({"x": np.array([0.0, 1e16, 0])}, "", "row 1, column x: larger than"),
        ({"xu": pa.array([1.0, None, 1.0])}, "", "column xu: 1 empty values"),
        ({}, ", tabel: x", "unknown key 'tabel'"),
    ],
)
def test_a_wrong_table_says_where(tmp_path: Path, change: dict[str, object], entry: str, why: str) -> None:
    with pytest.raises(BadGeometry, match=why):
        placed(tmp_path, table(**change), entry)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    columns = table()
    del columns["zw"]
    with pytest.raises(BadGeometry, match="column zw: missing"):
        placed(tmp_path, columns)
