"""Rebuild detector_geometries/clic_ecal, lar and tpc from the published dimensions in this file (sources: their READMEs).

python scripts/build_detectors.py [clic_ecal | lar | tpc ...]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.description.placement import AXES

ROOT = Path(__file__).resolve().parents[1] / "detector_geometries"


def clic_ecal(folder: Path) -> str:
    """Barrel of twelve flat sides, endcaps and plugs of twelve sectors; 40 layers of 5 mm cells."""
    pitch, layers, sides = 5.0, np.arange(40), 12
    depth = layers * 5.05 + 1.9 + 0.25  # behind 1.9 mm of tungsten, the middle of 0.5 mm of silicon
    columns = np.floor(2 * (1500 + depth) * np.tan(np.pi / sides) / pitch).astype(int)
    parts = [
        staves(1500 + r, sides, layer, f"barrel_{n}", "barrel")
        for layer, r, n in zip(layers, depth, columns, strict=True)
    ]
    rings = {"endcap": (410, 1700), "plug": (260, 380)}
    for side in (-1, 1):
        for layer, z in zip(layers, side * (2307 + depth), strict=True):
            number = layer + (40 if side < 0 else 80)
            parts += [sectors(np.mean(r), z, sides, number, name, name) for name, r in rings.items()]
    write_sensors(folder, parts)
    grids = [
        f"  barrel_{n}: {{kind: grid, pitch: [5, 5], cells: [{n}, 884], thickness: 0.5}}"
        for n in np.unique(columns)
    ]
    for name, (low, high) in rings.items():
        outer = high * np.tan(np.pi / sides)
        cells = f"[{int(np.ceil(2 * outer / pitch))}, {round((high - low) / pitch)}]"
        outline = trapezoid(low, high, np.tan(np.pi / sides))
        grids.append(
            f"  {name}:\n    {{kind: grid, pitch: [5, 5], cells: {cells}, thickness: 0.5,\n     outline: {outline}}}"
        )
    material = "{radiation_lengths: 0.55, interaction_lengths: 0.022, moliere_radius: 23, sampling_fraction: 0.0276, air_gap: 0.25}"
    parts_of = [
        f"  {name}: {{measures: [energy, time], material: {material}}}"
        for name in ("barrel", "endcap", "plug")
    ]
    return description("clic_ecal", 4.0, grids, parts_of)


def lar(folder: Path) -> str:
    """Two half barrels of 64 sectors, four layers whose cells point to the beam spot."""
    eta = {
        "presampler": [*(np.arange(61) * 0.025), 1.52],
        "strips": [*(np.arange(448) * 0.003125), *(1.4 + np.arange(4) * 0.025)],
        "middle": [*(np.arange(57) * 0.025), 1.475],
        "back": [*(np.arange(28) * 0.05)],
    }
    # Inner and outer radius (mm), cells along phi in a sector, radiation and interaction lengths, sampling fraction.
    depth = {
        "presampler": (1420, 1431, 1, 1.9, 0.42, 0.05),
        "strips": (1500, 1590, 1, 4.7, 0.23, 0.18),
        "middle": (1590, 1905, 4, 16.0, 0.80, 0.18),
        "back": (1905, 1970, 4, 2.0, 0.165, 0.18),
    }
    parts, templates, subsystems = [], [], []
    for layer, (name, (low, high, columns, radiation, interaction, sampling)) in enumerate(depth.items()):
        r = (low + high) / 2
        z = np.maximum(r * np.sinh(eta[name]), 2.0)  # 4 mm between the halves
        middle = (z[0] + z[-1]) / 2
        u = r * np.tan((np.arange(columns + 1) / columns - 0.5) * 2 * np.pi / 64)
        parts += [staves(r, 64, layer, name, name, z=side * middle, up=side) for side in (-1, 1)]
        templates.append(
            f"  {name}:\n    {{kind: edges, thickness: {high - low}, focus: [0, {-middle:.6f}, {-r}],\n"
            f"     u: {listed(u)},\n     v: {listed(z - middle)}}}"
        )
        subsystems.append(
            f"  {name}:\n    {{measures: [energy, time], material: {{radiation_lengths: {radiation}, interaction_lengths: "
            f"{interaction}, moliere_radius: 39, sampling_fraction: {sampling}}}}}"
        )
    write_sensors(folder, parts)
    return description("lar", 2.0, templates, subsystems)


def tpc(folder: Path) -> str:
    """Two drift volumes, 18 sectors each, three regions of pads in a sector."""
    drift, slope = 2497.0, np.tan(np.pi / 18)
    regions = {  # first radius, rows, pad width and length (mm), pads in all, chamber
        "inner": (848.5, 63, 4.0, 7.5, 5504, "inner"),
        "middle": (1346.0, 64, 6.0, 10.0, 5952, "outer"),
        "outer": (1986.0, 32, 6.0, 15.0, 4032, "outer"),
    }
    parts, templates = [], []
    for number, (name, (low, rows, width, length, pads, chamber)) in enumerate(regions.items()):
        high = low + rows * length
        row_low = low + np.arange(rows) * length
        count = pads_in_rows((row_low + length / 2) * slope, width, pads)
        row = np.repeat(np.arange(rows), count)
        pad = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        u, v = (pad - count[row] / 2) * width, row_low[row] - (low + high) / 2
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [width, length]
        points = np.stack([u, v], axis=1)[:, None] + corners
        table = pa.table(
            {
                "cell": np.repeat(np.arange(len(row), dtype=np.int32), 4),
                "u": points[..., 0].ravel().astype(np.float32),
                "v": points[..., 1].ravel().astype(np.float32),
                "channel_u": np.repeat(row, 4).astype(np.int32),
                "channel_v": np.repeat(pad, 4).astype(np.int32),
            }
        )
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", write_page_checksum=True)
        margin = (row_low * slope - count * width / 2).min()
        templates.append(
            f"  {name}:\n    {{kind: polygons, table: {name}.parquet, thickness: {drift},\n"
            f"     outline: {trapezoid(low, high, slope, margin)}}}"
        )
        for side in (-1, 1):
            layer = number + (3 if side > 0 else 0)
            parts.append(
                sectors((low + high) / 2, side * drift / 2, 18, layer, name, chamber, outwards=False)
            )
    write_sensors(folder, parts)
    # Sigma of the charge on the pads: from the distance of wires and pads, 2 and 3 mm. Noise and threshold in electrons
    # of the gas, before the avalanche.
    drifts = [
        f"  {name}:\n    measures: [charge, time]\n"
        "    material: {radiation_lengths: 0.00779, interaction_lengths: 0.00242}\n"
        "    drift:\n      {velocity: 0.0265, sample: 200, diffusion: [0.0661, 0.0699], pair_energy: 36.0e-9,\n"
        f"       pad_response: {sigma}, shaping: 80, noise: 0.5, threshold: 1.5, gain_spread: 1.0}}"
        for name, sigma in (("inner", 1.5), ("outer", 2.3))
    ]
    passive = [
        "  - {name: beam_pipe, radius: 30, half_length: 2497, radiation_lengths: 0.0023, interaction_lengths: 0.002}",
        "  - {name: inner_vessel, radius: 780, half_length: 2497, radiation_lengths: 0.014, interaction_lengths: 0.005}",
    ]
    return description("tpc", 0.5, templates, drifts, passive)


def pads_in_rows(half_width: Floats, width: float, total: int) -> NDArray[np.int64]:
    """Pads in each row, an even number, so that a dead edge of the same width is left and all rows have `total`."""
    for margin in np.arange(0.0, 30.0, 0.01):
        count = 2 * np.floor((half_width - margin) / width).astype(np.int64)
        if count.sum() == total:
            return count
    raise SystemExit(f"no dead edge gives {total} pads")


def staves(
    radius: float, count: int, layer: int, template: str, subsystem: str, z: float = 0.0, up: int = 1
) -> dict:
    """`count` flat sensors around the z axis, w outwards, v along z (`up` 1) or against it (-1)."""
    phi = (np.arange(count) + 0.5) * 2 * np.pi / count
    zero, one = np.zeros(count), np.ones(count)
    w = np.stack([np.cos(phi), np.sin(phi), zero], axis=1)
    v = np.stack([zero, zero, up * one], axis=1)
    return placed(
        w * radius + [0, 0, z], np.stack([np.cross(v, w), v, w], axis=2), layer, template, subsystem
    )


def sectors(
    radius: float, z: float, count: int, layer: int, template: str, subsystem: str, outwards: bool = True
) -> dict:
    """`count` sensors around the z axis at one z, v outwards, w away from the collision point or towards it."""
    phi = (np.arange(count) + 0.5) * 2 * np.pi / count
    zero = np.zeros(count)
    v = np.stack([np.cos(phi), np.sin(phi), zero], axis=1)
    w = np.stack([zero, zero, zero + np.sign(z) * (1 if outwards else -1)], axis=1)
    return placed(
        v * radius + [0, 0, z], np.stack([np.cross(v, w), v, w], axis=2), layer, template, subsystem
    )


def placed(center: Floats, rotation: Floats, layer: int, template: str, subsystem: str) -> dict:
    """Rows of the sensor table."""
    n = len(center)
    axes = dict(zip(AXES, np.round(rotation.reshape(n, 9), 15).T, strict=True))
    position = dict(zip("xyz", np.round(center.T, 9), strict=True))
    return {
        "template": [template] * n,
        "subsystem": [subsystem] * n,
        "layer": [layer] * n,
        **position,
        **axes,
    }


def write_sensors(folder: Path, parts: list[dict]) -> None:
    """The sensor table, in the order of the parts."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table = pa.table({"sensor_id": np.arange(len(columns["layer"])), **columns})
    pq.write_table(table, folder / "sensors.parquet", compression="zstd", write_page_checksum=True)


def trapezoid(low: float, high: float, slope: float, margin: float = 0.0) -> str:
    """Corners of a sector between two radii, as YAML."""
    half, inner, outer = (high - low) / 2, low * slope - margin, high * slope - margin
    corners = [(-inner, -half), (inner, -half), (outer, half), (-outer, half)]
    return "[" + ", ".join(listed(corner) for corner in corners) + "]"


def listed(values: Floats | tuple[float, ...]) -> str:
    """Numbers as a YAML list, a nanometre fine, in lines of bearable length."""
    words = [f"{value:.6f}".rstrip("0").rstrip(".") for value in values]
    lines = [", ".join(words[i : i + 10]) for i in range(0, len(words), 10)]
    return "[" + ",\n      ".join(lines) + "]"


def description(
    name: str, bz: float, templates: list[str], subsystems: list[str], passive: list[str] | None = None
) -> str:
    """The text of detector.yaml."""
    head = [
        "# Written by scripts/build_detectors.py; see README.md for the source of the numbers.",
        "format: gnnreco-detector/1",
        f"name: {name}",
        "units: {length: mm, angle: rad, field: T}",
        f"field: {{kind: solenoid, bz: {bz}}}",
    ]
    body = ["", "templates:", *templates, "", "subsystems:", *subsystems]
    material = ["", "passive:", *passive] if passive else []
    return "\n".join([*head, *body, *material, "", "sensors:", "  - {table: sensors.parquet}", ""])


DETECTORS: dict[str, Callable[[Path], str]] = {"clic_ecal": clic_ecal, "lar": lar, "tpc": tpc}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or DETECTORS:
        target = ROOT / chosen
        target.mkdir(exist_ok=True)
        (target / "detector.yaml").write_text(DETECTORS[chosen](target))
