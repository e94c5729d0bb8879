"""Templates, subsystems and tables as they stand in `detector.yaml`: every key, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadGeometry
from gnnreco.geometry import Detector, check, load_detector
from tests.geometry.description.builders import build, describe, write

PLANE = {"rule": "planes", "template": "t", "z": [100.0]}
DRIFT = {
    "velocity": 0.05,
    "sample": 50,
    "diffusion": [0.07, 0.05],
    "pair_energy": 2.6e-8,
    "pad_response": 2,
    "shaping": 80,
    "noise": 0.5,
    "threshold": 1.5,
    "gain_spread": 1,
}
#: The bundles of these detectors name them: no change of this code may change them.
HASHES = {
    "trackml": "a09860dfaa828748c7745741937e9872d0509cb36a95fffd90cdb8fc0b293cc2",
    "telescope": "6b871f961fa195fcfeabbcf999121cdae4a3873debf63c56f327405e6e4f515a",
    "hex_tracker": "444ced875d1b636e761f063e3d6ea0e4965dae2c142865d86d3a16745c58a56f",
}


def one(folder: Path, template: dict[str, Any], **more: Any) -> Detector:
    return build(folder, PLANE, templates={"t": {"thickness": 2, **template}}, **more)


@pytest.mark.parametrize("name", HASHES)
def test_the_hashes_that_bundles_name_stay(name: str) -> None:
    assert load_detector(name).hash == HASHES[name]


def test_polar_and_edges_in_the_units_of_the_file(tmp_path: Path) -> None:
    units = {"length": "cm", "angle": "deg"}
    detector = one(tmp_path, {"kind": "polar", "r": [1, 2, 4], "phi": [-45, 45, 9]}, units=units)
    template = detector.templates[0]
    assert template.n_cells == 18
    assert template.channel(template.cell_at(30.0, 0.0)) == (1, 4)
    assert template.cell_at(0.0, 30.0).tolist() == [-1]
    edges = one(tmp_path, {"kind": "edges", "u": [-1, 0, 3], "v": [0, 2], "focus": [0, 1, -9]}, units=units)
    assert edges.templates[0].size([0, 1]).tolist() == [[10, 20], [30, 20]]
    assert edges.templates[0].focus.tolist() == [0, 10, -90]
    assert edges.cell_at([0, 0, 0], [-5, 0, 30], [5, 5, 5]).tolist() == [0, 1, 1]


def test_hexagons_turned_and_shifted(tmp_path: Path) -> None:
    shape = {"kind": "hex", "flat_to_flat": 2, "hexagon": 21}
    plain, shifted = one(tmp_path / "a", shape), one(tmp_path / "b", {**shape, "origin": [0.3, 0.4]})
    turned = one(tmp_path / "c", {**shape, "corner": "u"})
    center = shifted.templates[0].position(shifted.templates[0].cell_at(0.3, 0.4))
    assert np.allclose(center, [[0.3, 0.4]])
    wide = [d.templates[0].size(d.templates[0].cell_at(0.3, 0.3))[0] for d in (plain, turned)]
    assert np.allclose(wide[0], [2, 4 / np.sqrt(3)])
    assert np.allclose(wide[1], wide[0][::-1])
    assert len({d.hash for d in (plain, shifted, turned)}) == 3


def test_the_readout_numbers_the_cells_of_a_table(tmp_path: Path) -> None:
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    corners = np.concatenate([square, square + np.array([1, 0]), square + np.array([0, 1])])
    columns = {"cell": np.repeat([0, 1, 2], 4), "u": corners[:, 0], "v": corners[:, 1]}
    columns |= {"channel_u": np.repeat([-3, 7, 7], 4), "channel_v": np.repeat([1, 0, -2], 4)}
    template = {"kind": "polygons", "table": "cells.parquet"}

    def table(**changed: Any) -> Path:
        tmp_path.mkdir(exist_ok=True)
        pq.write_table(pa.table({**columns, **changed}), tmp_path / "cells.parquet")
        return write(tmp_path, describe(PLANE, templates={"t": {"thickness": 2, **template}}))

    detector = load_detector(table())
    cells = np.arange(3)
    u, v = detector.templates[0].channel(cells)
    assert (u.tolist(), v.tolist()) == ([-3, 7, 7], [1, 0, -2])
    assert detector.templates[0].cell(u, v).tolist() == [0, 1, 2]
    assert detector.templates[0].cell([7, 8, -3], [1, 0, -1]).tolist() == [-1, -1, -1]
    for changed, why in (
        ({"channel_v": np.repeat([1, 0, 0], 4)}, r"channels \(7, 0\) name more than one cell"),
        ({"channel_v": np.arange(12)}, "same in all rows of a cell"),
        ({"channel_u": np.repeat([0.5, 7, 7], 4)}, "whole numbers"),
    ):
        with pytest.raises(BadGeometry, match=why):
            load_detector(table(**changed))


def test_a_calorimeter_tells_its_showers(tmp_path: Path) -> None:
    material = {
        "radiation_lengths": 1,
        "interaction_lengths": 0.1,
        "moliere_radius": 2,
        "sampling_fraction": 0.02,
        "air_gap": 0.1,
    }
    subsystem = {"measures": ["energy", "time"], "material": material}
    grid = {"kind": "grid", "pitch": [1, 1], "cells": [4, 4]}
    units = {"length": "cm"}
    detector = one(tmp_path, grid, subsystem=subsystem, units=units)
    assert detector.moliere_radius.tolist() == [20]
    assert detector.sampling_fraction.tolist() == [0.02]
    assert detector.air_gap.tolist() == [1]
    plain = one(tmp_path, grid, subsystem={"measures": ["energy", "time"]}, units=units)
    assert np.isnan(plain.moliere_radius).all()
    assert np.isnan(detector.select(np.array([False])).sampling_fraction).sum() == 0
    kept = detector.select(np.array([True])).misaligned(0.1, seed=1)
    assert kept.moliere_radius.tolist() == [20]
    assert kept.air_gap.tolist() == [1]
    assert len({plain.hash, detector.hash, kept.hash}) == 3
    too_much = {"measures": ["energy"], "material": material | {"sampling_fraction": 1.5}}
    with pytest.raises(BadGeometry, match=r"material.sampling_fraction: .* 1 at most"):
        one(tmp_path / "too_much", grid, subsystem=too_much)
    # No reconstruction knows the gap: bundles of a detector go on to serve it when its gap becomes known.
    del subsystem["material"]["air_gap"]  # type: ignore[attr-defined]
    unknown = one(tmp_path, grid, subsystem=subsystem, units=units)
    assert np.isnan(unknown.air_gap).all()
    assert unknown.hash == detector.hash
    subsystem["material"]["air_gap"] = -1  # type: ignore[index]
    with pytest.raises(BadGeometry, match=r"air_gap.*must be 0 or more"):
        one(tmp_path, grid, subsystem=subsystem, units=units)
    del subsystem["material"]["air_gap"]  # type: ignore[attr-defined]
    del subsystem["material"]["moliere_radius"]  # type: ignore[attr-defined]
    assert one(tmp_path, grid, subsystem=subsystem, units=units).hash != detector.hash


def test_services_may_belong_to_a_layer(tmp_path: Path) -> None:
    grid = {"kind": "grid", "pitch": [1, 1], "cells": [4, 4], "thickness": 0.1}
    material: dict[str, object] = {"radiation_lengths": 0.02}
    plain = one(tmp_path, grid, subsystem={"material": material})
    assert plain.shared_radiation_lengths.tolist() == [[0.02, 0.02]]
    shared = one(tmp_path, grid, subsystem={"material": material | {"shared": [1.2, 0.1]}})
    assert shared.shared_radiation_lengths == pytest.approx(np.array([[0.024, 0.002]]))
    assert shared.radiation_lengths.tolist() == [0.02]
    # What networks read is the mean: bundles go on to serve the detector.
    assert shared.hash == plain.hash
    for wrong in ([0.1, 1.2], [1.2, -0.1], [1.2]):
        with pytest.raises(BadGeometry, match=r"shared"):
            one(tmp_path, grid, subsystem={"material": material | {"shared": wrong}})


def test_the_columns_of_a_table_come_before_those_of_the_subsystem(tmp_path: Path) -> None:
    axes = {
        name: [float(name in ("xu", "yv", "zw"))] * 2
        for name in ("xu", "xv", "xw", "yu", "yv", "yw", "zu", "zv", "zw")
    }
    columns = {"sensor_id": [0, 1], "template": ["t", "t"], "subsystem": ["all", "all"], "layer": [0, 1]}
    columns |= {"x": [0.0, 0.0], "y": [0.0, 0.0], "z": [1.0, 9.0], **axes}
    columns |= {"moliere_radius": [3.0, np.nan], "sampling_fraction": [0.5, 1.5]}
    pa.csv.write_csv(pa.table(columns), tmp_path / "sensors.csv")
    grid = {"kind": "grid", "pitch": [1, 1], "cells": [4, 4], "thickness": 0.1}
    subsystem = {"measures": ["energy"], "material": {"radiation_lengths": 1, "moliere_radius": 2}}
    folder = write(
        tmp_path,
        describe(templates={"t": grid}, subsystem=subsystem, units={"length": "cm"})
        | {"sensors": [{"table": "sensors.csv"}]},
    )
    assert load_detector(folder).moliere_radius.tolist() == [30, 20]
    (finding,) = check(folder)
    assert (finding.code, finding.where) == ("impossible-material", "sensor 1 (id 1), sampling_fraction")


def test_a_drift_chamber(tmp_path: Path) -> None:
    pads = {"kind": "polar", "r": [30, 35, 40], "phi": [0, 360, 60], "thickness": 50}
    subsystem = {"measures": ["charge", "time"], "drift": DRIFT}
    detector = one(tmp_path, pads, subsystem=subsystem, units={"length": "cm", "angle": "deg"})
    drift = detector.subsystems[0].drift
    assert drift is not None
    assert (drift.velocity, drift.pad_response) == (0.5, 20)
    # A root of a centimetre is a root of ten roots of a millimetre.
    assert drift.diffusion == pytest.approx((0.7 / np.sqrt(10), 0.5 / np.sqrt(10)))
    slower = {"measures": ["charge", "time"], "drift": {**DRIFT, "velocity": 0.04}}
    assert one(tmp_path, pads, subsystem=slower, units={"length": "cm", "angle": "deg"}).hash != detector.hash


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ({"kind": "polar", "r": [2, 1], "phi": [0, 90, 3]}, "each greater than the one before"),
        ({"kind": "polar", "r": [-1, 1], "phi": [0, 90, 3]}, "cannot be negative"),
        ({"kind": "polar", "r": [1, 2], "phi": [0, 270, 9]}, "half a turn at most"),
        ({"kind": "polar", "r": [1, 2], "phi": [90, 0, 9]}, "angles must rise"),
        ({"kind": "polar", "r": [1, 2], "phi": [0, 180, 1]}, "more than a third of a turn"),
        ({"kind": "polar", "r": [1, 2], "phi": [0, 360, 2]}, "two sensors of half a turn"),
        ({"kind": "polar", "r": [1, 2], "phi": [0, 360]}, "from, to, count"),
        ({"kind": "edges", "u": [0, 1, 1], "v": [0, 1]}, "each greater than the one before"),
        ({"kind": "edges", "u": [0], "v": [0, 1]}, "at least two numbers"),
        ({"kind": "edges", "u": [0, 1], "v": [0, 1], "focus": [0, 0, 1]}, "meet inside the sensor"),
        ({"kind": "hex", "flat_to_flat": 1, "hexagon": 9, "corner": "w"}, "use one of u, v"),
    ],
)
def test_a_template_that_cannot_be(tmp_path: Path, template: dict[str, Any], why: str) -> None:
    with pytest.raises(BadGeometry, match=why):
        one(tmp_path, template)


@pytest.mark.parametrize(
    ("subsystem", "why"),
    [
        ({"measures": ["charge"]}, "needs a section `drift`"),
        ({"measures": ["energy"], "drift": DRIFT}, "nothing else has one"),
        ({"measures": ["mass"]}, "position, energy, time, charge"),
        ({"measures": ["charge"], "drift": {**DRIFT, "noise": -1}}, "0 or more"),
        ({"measures": ["charge"], "drift": {**DRIFT, "velocity": 0}}, "greater than 0"),
        ({"measures": ["energy"], "material": {"moliere_radius": 0}}, "greater than 0"),
    ],
)
def test_a_subsystem_that_cannot_be(tmp_path: Path, subsystem: dict[str, Any], why: str) -> None:
    with pytest.raises(BadGeometry, match=why):
        one(tmp_path, {"kind": "grid", "pitch": [1, 1], "cells": [4, 4]}, subsystem=subsystem)
