"""Writes the two JSON files that ACTS needs from our own description of the TrackML (ACTS: Generic) detector.

python scripts/peers/acts_config.py -o FOLDER

``digitization.json`` gives every sensor its cells; ``seeding.json`` names the layers that seed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.geometry import Detector, load_detector

PIXEL_PITCH_V = 0.05  # mm; the ACTS examples digitise square pixels, the TrackML challenge 56.25 micrometres
CHARGE_SMEARING = {"mean": 0.0, "stddev": 0.01, "type": "Gauss"}
SEEDING_DISKS = 4  # innermost pixel disks of each side, besides the whole pixel barrel


def geometry_ids(detector: Detector) -> np.ndarray:
    """(n_sensors, 3) volume, layer and sensitive numbers in ACTS."""
    code = detector.labels["acts_geometry_id"].astype(np.uint64)
    return np.stack([code >> 56, code >> 36 & 0xFFF, code >> 8 & 0xFFFFF], axis=1).astype(np.int64)


def digitization(detector: Detector) -> dict[str, Any]:
    """Cells of every sensor: one entry a layer, and one for each sensor that differs from it."""
    ids, entries = geometry_ids(detector), []
    layers, row = np.unique(ids[:, :2], axis=0, return_inverse=True)
    for i, (volume, layer) in enumerate(layers.tolist()):
        sensors = np.flatnonzero(row.ravel() == i)
        kinds, first, counts = np.unique(detector.template[sensors], return_index=True, return_counts=True)
        most = counts.argmax()
        entries.append({"volume": volume, "layer": layer, "value": _cells(detector, sensors[first[most]])})
        for sensor in sensors[detector.template[sensors] != kinds[most]].tolist():
            where = {"volume": volume, "layer": layer, "sensitive": int(ids[sensor, 2])}
            entries.append({**where, "value": _cells(detector, sensor)})
    return _hierarchy("digitization-configuration", entries)


def _cells(detector: Detector, sensor: int) -> dict[str, Any]:
    template = detector.templates[detector.template[sensor]]
    pitch_u, pitch_v = float(detector.pitch_u[sensor]), float(detector.pitch_v[sensor])
    if template.name == "pixel":
        pitch_v = PIXEL_PITCH_V
    half_u, half_v = float(detector.half_u[sensor]), float(detector.half_v[sensor])
    axes = [
        {"bins": round(2 * half / pitch), "min": -half, "max": half, "option": "open", "type": "equidistant"}
        for half, pitch in ((half_u, pitch_u), (half_v, pitch_v))
    ]
    named = [{**axis, "value": name} for axis, name in zip(axes, ("binX", "binY"), strict=True)]
    return {
        "geometric": {
            "digital": False,
            "indices": [0, 1],
            "segmentation": {"binningdata": named},
            "thickness": template.thickness,
            "threshold": 0.0,
            "charge-smearing": CHARGE_SMEARING,
        }
    }


def seeding(detector: Detector) -> list[dict[str, int]]:
    """The pixel barrel and the innermost pixel disks of each side."""
    ids, layers = geometry_ids(detector), []
    for number, subsystem in enumerate(detector.subsystems):
        if not subsystem.name.startswith("pixel"):
            continue
        sensors = np.flatnonzero(detector.subsystem == number)
        pairs, first = np.unique(ids[sensors, :2], axis=0, return_index=True)
        nearest = np.argsort(np.abs(detector.center[sensors[first], 2]))
        kept = pairs if subsystem.name.endswith("barrel") else pairs[nearest[:SEEDING_DISKS]]
        layers += [{"volume": volume, "layer": layer} for volume, layer in kept.tolist()]
    return layers


def _hierarchy(kind: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "acts-geometry-hierarchy-map": {"format-version": 0, "value-identifier": kind},
        "entries": entries,
    }


def write_config(folder: Path) -> Path:
    """Write both files and return the folder."""
    detector = load_detector("trackml")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digitization.json").write_text(json.dumps(digitization(detector)))
    (folder / "seeding.json").write_text(json.dumps(seeding(detector)))
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    print(write_config(parser.parse_args().output))
