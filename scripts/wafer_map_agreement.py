"""Compare imported wafer maps with cell positions that other programs wrote for the real detector.

    python scripts/wafer_map_agreement.py --map MAP --cells cell_map.npz [--golden tests/golden/wafer_cells.npz]
    python scripts/wafer_map_agreement.py --ntuple particle_gun_ntuple.root

The first takes the cells of 26 layers (OzAmram/HGCalShowers: x, y and the number that names wafer and cell) and looks
each up in the detector that the importer makes of a map; with ``--golden``, a few hundred of them are written as
facts for a test, with the standing of their wafers. The second does the same for the hits of a full simulation of an
older geometry (tklijnsma/hgcal_ldrd), on both sides; its wafers, which the file has no map of, all stand alike.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.geometry import Detector, load_detector
from gnnreco.geometry.importers import import_detector
from gnnreco.geometry.importers.wafers.text import read_text

Columns = dict[str, NDArray[Any]]
# Distance of the wafers, and width that the cells of one share, in the two geometries, from the positions; mm.
PITCH = {"cells": 167.5408, "ntuple": 168.4408}
LATTICE = {"cells": 167.5408, "ntuple": 167.4408}


def named(detid: NDArray[np.int64]) -> Columns:
    """Layer, wafer and cell that a silicon cell's number packs (CMSSW, DataFormats/ForwardDetId)."""

    def signed(bits: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(bits & 16, -(bits & 15), bits & 15)

    return {
        "cell_u": detid & 31,
        "cell_v": (detid >> 5) & 31,
        "wafer_u": signed((detid >> 10) & 31),
        "wafer_v": signed((detid >> 15) & 31),
        "layer": (detid >> 20) & 31,
        "side": np.where((detid >> 25) & 1, -1, 1),
        "type": (detid >> 26) & 3,
    }


def map_text(rows: Columns, pitch: float) -> str:
    """A map of wafers at their ideal places: layer, shape, class, x, y, rotation, u, v."""
    u, v = rows["wafer_u"], rows["wafer_v"]
    x, y = pitch * (u - v / 2), pitch * v * np.sqrt(3) / 2
    kinds = {int(layer): int(kind) for layer, kind in zip(rows["layer"], rows["kind"], strict=True)}
    lines = [f"{layer} {kind}" + 12 * " 0.0" for layer, kind in sorted(kinds.items())]
    names = np.array(["h120", "l200", "l300"])[rows["type"]]
    for values in zip(rows["layer"], rows["code"], names, x, y, rows["rotation"], u, v, strict=True):
        lines.append("{} {} {} {:.6f} {:.6f} {} {} {}".format(*values))
    return "\n".join(lines) + "\n"


def detector_of(rows: Columns, geometry: str) -> Detector:
    """The detector that the importer makes of a map of wafers at their ideal places."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "map.txt"
        file.write_text(map_text(rows, PITCH[geometry]))
        options = {"lattice": str(LATTICE[geometry])}
        return load_detector(import_detector("wafer-map", file, Path(folder) / "detector", options=options))


def positions(detector: Detector, cells: Columns) -> NDArray[np.float64]:
    """Places (n, 3) of cells named by layer, side, wafer and cell; NaN for one that is not there."""
    labels = detector.labels
    names = [labels["station"], labels["side"], labels["wafer_u"], labels["wafer_v"]]
    rows = {tuple(name): row for row, name in enumerate(zip(*(n.tolist() for n in names), strict=True))}
    asked = zip(*(cells[key].tolist() for key in ("layer", "side", "wafer_u", "wafer_v")), strict=True)
    sensor = np.array([rows.get(name, -1) for name in asked])
    found = np.full((len(sensor), 3), np.nan)
    for number, template in enumerate(detector.templates):
        mine = np.flatnonzero((sensor >= 0) & (detector.template[sensor] == number))
        cell = template.cell(cells["cell_u"][mine], cells["cell_v"][mine])
        mine, cell = mine[cell >= 0], cell[cell >= 0]
        local = template.position(cell)
        at = sensor[mine]
        found[mine] = detector.center[at] + np.einsum("nij,nj->ni", detector.rotation[at, :, :2], local)
    return found


def report(what: str, found: NDArray[np.float64], cells: Columns) -> None:
    """Print how far the cells are from where the other program has them."""
    apart = np.hypot(found[:, 0] - cells["x"], found[:, 1] - cells["y"])
    there = np.isfinite(apart)
    n = np.where(cells["type"] == 0, 12, 8)
    u, v = cells["cell_u"], cells["cell_v"]
    rim = (u == 0) | (v == 0) | (u == 2 * n - 1) | (v == 2 * n - 1) | (u - v == n) | (v - u == n - 1)
    print(f"{what}: {len(apart)} cells, {there.mean():.2%} found")
    for name, part in (("inside a wafer", there & ~rim), ("at its edge", there & rim)):
        quantiles = np.quantile(apart[part], [0.5, 0.99, 1])
        print(
            f"  {name:15s} {part.sum():6d}: median, 99 %, largest " + ", ".join(f"{q:.4f}" for q in quantiles)
        )


def from_cells(args: argparse.Namespace) -> None:
    """The 26 layers of real cells."""
    with np.load(args.cells) as file:
        data = {key: file[key] for key in file.files}
    cells = named(data["detid"].astype(np.int64))
    cells["x"] = 10 * (data["x_cm"].astype(np.float64) + data["center_x_cm"][data["layer"]])
    cells["y"] = 10 * (data["y_cm"].astype(np.float64) + data["center_y_cm"][data["layer"]])
    wafers = read_text(args.map)
    standing = {
        name: (code, rotation, wafers.kind.get(name[0], 0))
        for *name_, code, rotation in zip(
            *(wafers.layer.tolist(), wafers.u.tolist(), wafers.v.tolist()),
            *(wafers.code.tolist(), wafers.rotation.tolist()),
            strict=True,
        )
        for name in [tuple(name_)]
    }
    keys = np.stack([cells[key] for key in ("layer", "wafer_u", "wafer_v", "type")], axis=1)
    unique = np.unique(keys, axis=0)
    rows: Columns = dict(zip(("layer", "wafer_u", "wafer_v", "type"), unique.T, strict=True))
    told = np.array([standing[tuple(key[:3])] for key in unique.tolist()])
    rows |= {"code": told[:, 0], "rotation": told[:, 1], "kind": told[:, 2]}
    report("cell_map", positions(detector_of(rows, "cells"), cells), cells)
    if args.golden:
        rng = np.random.default_rng(1)
        wanted = np.flatnonzero(np.isin(unique[:, 0], (1, 2, 25, 26)) & (rng.random(len(unique)) < 0.3))
        part = {key: column[wanted] for key, column in rows.items()}
        inside = np.flatnonzero((keys[:, None] == unique[wanted]).all(axis=2).any(axis=1))
        chosen = np.sort(rng.choice(inside, 400, replace=False))
        facts = {
            key: cells[key][chosen] for key in ("layer", "side", "wafer_u", "wafer_v", "cell_u", "cell_v")
        }
        facts |= {axis: cells[axis][chosen].round(3) for axis in "xy"}
        facts["type"] = cells["type"][chosen]
        args.golden.parent.mkdir(exist_ok=True)
        np.savez_compressed(args.golden, map=np.array(map_text(part, PITCH["cells"])), **facts)


def from_ntuple(file: Path) -> None:
    """The hits in silicon of a full simulation."""
    import uproot

    tree = uproot.open(file)["ana/hgc"]
    data = tree.arrays(["rechit_detid", "rechit_x", "rechit_y", "rechit_layer"], library="np")
    data = {key: np.concatenate(column) for key, column in data.items()}
    silicon = (data["rechit_detid"] >> 28) < 10
    cells = named(data["rechit_detid"][silicon].astype(np.int64))
    cells["layer"] = data["rechit_layer"][silicon].astype(np.int64)
    cells |= {axis: 10.0 * data[f"rechit_{axis}"][silicon] for axis in "xy"}
    unique = np.unique(
        np.stack([cells[key] for key in ("layer", "wafer_u", "wafer_v", "type")], axis=1), axis=0
    )
    rows: Columns = dict(zip(("layer", "wafer_u", "wafer_v", "type"), unique.T, strict=True))
    one = np.ones(len(unique), np.int64)
    rows |= {"code": 0 * one, "rotation": one, "kind": 0 * one}
    report("particle gun", positions(detector_of(rows, "ntuple"), cells), cells)


def main() -> None:
    """Run the comparisons that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--map", type=Path, help="the map that belongs to the cells: v17-27102022")
    parser.add_argument("--cells", type=Path)
    parser.add_argument("--golden", type=Path, help="write a few hundred positions for a test")
    parser.add_argument("--ntuple", type=Path)
    args = parser.parse_args()
    if args.cells:
        from_cells(args)
    if args.ntuple:
        from_ntuple(args.ntuple)


if __name__ == "__main__":
    main()
