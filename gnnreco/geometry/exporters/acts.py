"""A tracker for ACTS: surfaces, the containers of its layers, digitisation and seeding, all JSON.

``scripts/peers/acts_exported.py`` builds the ACTS geometry (Gen3 Blueprint) from the folder and runs simulation and track
finding in it; ``gnnreco detector import acts-json FOLDER/surfaces.json`` reads the sensors back.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.field.field import along_z

from .acts_layers import ActsLayer, acts_layers

FINE = 0.1  # mm: sensors that resolve both coordinates better than this give space points for seeds
SEEDING_DISKS = 4  # innermost disks of each side that seed beside a barrel; all of them where there is none
CHARGE_SMEARING = {"mean": 0.0, "stddev": 0.01, "type": "Gauss"}
# Silicon, in the units of ACTS: radiation length (mm), relative atomic mass, number, mol / mm^3.
SILICON = (93.7, 28.0855, 14.0, 8.2925e-5)


def write(detector: Detector, folder: Path) -> list[Path]:
    """Write ``surfaces.json``, ``layers.json``, ``digitization.json`` and ``seeding.json``.

    Geometry identifiers: a volume for each subsystem, a layer for each of ACTS's layers (ours, joined where no cylinder or
    plane lies between them), sensors counted from 1. Calorimeters are left out; passive cylinders are listed only.

    Raises
    ------
    BadInput
        Without a sensor that measures positions, with layers that ACTS cannot nest, or with a field that is not a constant
        one along z.
    """
    measuring = np.array(["position" in system.measures for system in detector.subsystems])
    tracker = detector.select(measuring[detector.subsystem])
    if tracker.n_sensors == 0:
        raise BadInput(detector.folder, "", "no sensor measures positions; ACTS holds trackers only")
    bz = along_z(detector.field)
    if bz is None:
        why = "is not along z and the same everywhere, and this export holds one number; export a copy with kind: solenoid"
        raise BadInput(detector.folder / "detector.yaml", "field", why)
    layers, tree = acts_layers(tracker)
    surfaces = [surface for layer in layers for surface in _surfaces(tracker, layer)]
    contents: JsonDict = {
        "surfaces.json": {"Surfaces": {"entries": surfaces}},
        "layers.json": {
            "detector": detector.name,
            "field_tesla": bz,
            "layers": [_layer(tracker, layer) for layer in layers],
            "containers": tree,
            "passive": [
                {
                    "name": cylinder.name,
                    "radius": cylinder.radius,
                    "half_length": cylinder.half_length,
                    "radiation_lengths": cylinder.radiation_lengths,
                }
                for cylinder in detector.passive
            ],
        },
        "digitization.json": {
            "acts-geometry-hierarchy-map": {
                "format-version": 0,
                "value-identifier": "digitization-configuration",
            },
            "entries": [entry for layer in layers for entry in _digitization(tracker, layer)],
        },
        "seeding.json": _seeding(tracker, layers),
    }
    files = []
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, allow_nan=False) + "\n")
        files.append(folder / name)
    return files


def _layer(detector: Detector, layer: ActsLayer) -> JsonDict:
    return {
        "name": f"volume {layer.volume} layer {layer.layer}",
        "volume": layer.volume,
        "layer": layer.layer,
        "kind": layer.kind,
        "sensors": len(layer.sensors),
        "ours": sorted(set(detector.layer[layer.sensors].tolist())),
        "r": [round(x, 6) for x in layer.box[:2]],
        "z": [round(x, 6) for x in layer.box[2:]],
    }


def _surfaces(detector: Detector, layer: ActsLayer) -> list[JsonDict]:
    shapes = {int(t): _bounds(detector.templates[t].outline) for t in np.unique(detector.template)}
    return [
        {
            "type": "PlaneSurface",
            "geo_id": {"volume": layer.volume, "layer": layer.layer, "sensitive": number},
            "sensitive": True,
            "transform": {
                "translation": detector.center[sensor].tolist(),
                "rotation": detector.rotation[sensor].ravel().tolist(),
            },
            "bounds": shapes[int(detector.template[sensor])],
            "thickness": float(detector.thickness[sensor]),
            **_material(
                float(detector.radiation_lengths[sensor]), float(detector.interaction_lengths[sensor])
            ),
        }
        for number, sensor in enumerate(layer.sensors.tolist(), 1)
    ]


def _bounds(outline: NDArray[np.float64]) -> JsonDict:
    """The outline as a rectangle, a trapezoid along v, or a convex polygon."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    if len(outline) == 4:
        below, above = outline[outline[:, 1] == low[1]], outline[outline[:, 1] == high[1]]
        if len(below) == 2 and len(above) == 2:
            sides = [below[:, 0].min(), below[:, 0].max(), above[:, 0].min(), above[:, 0].max()]
            if sides[:2] == sides[2:]:
                values = [*low.tolist(), *high.tolist()]
                return {"type": "RectangleBounds", "values": [float(value) for value in values]}
            if sides[0] == -sides[1] and sides[2] == -sides[3] and low[1] == -high[1]:
                values = [float(value) for value in (sides[1], sides[3], high[1], 0.0)]
                return {"type": "TrapezoidBounds", "values": values}
    return {"type": "ConvexPolygonBounds", "values": [float(value) for value in outline.ravel()]}


def _material(radiation: float, nuclear: float) -> JsonDict:
    """A slab of silicon of as many radiation lengths, with the nuclear interaction length that fits."""
    if not radiation > 0:
        return {}
    x0, mass, charge, density = SILICON
    thickness = radiation * x0
    slab = {
        "material": [x0, thickness / nuclear if nuclear > 0 else 1e9, mass, charge, density],
        "thickness": thickness,
    }
    return {
        "material": {
            "type": "homogeneous",
            "mappingType": "Default",
            "mapMaterial": True,
            "data": [[slab]],
        }
    }


def _digitization(detector: Detector, layer: ActsLayer) -> list[JsonDict]:
    """One entry for the layer, and one for each sensor that differs from most; other cells become rectangles."""
    kinds, counts = np.unique(detector.template[layer.sensors], return_counts=True)
    most = kinds[counts.argmax()]
    where = {"volume": layer.volume, "layer": layer.layer}
    entries: list[JsonDict] = [{**where, "value": _cells(detector, int(most))}]
    for number, kind in enumerate(detector.template[layer.sensors].tolist(), 1):
        if kind != most:
            entries.append({**where, "sensitive": number, "value": _cells(detector, kind)})
    return entries


def _cells(detector: Detector, kind: int) -> JsonDict:
    template = detector.templates[kind]
    axes = []
    for name, half, pitch in zip(("binX", "binY"), template.half_size, template.pitch, strict=True):
        bins = max(round(2 * half / pitch), 1)
        limit = half if abs(2 * half / pitch - bins) < 1e-6 else bins * pitch / 2
        axis = {"value": name, "type": "equidistant", "option": "open"}
        axes.append({**axis, "bins": bins, "min": -limit, "max": limit})
    return {
        "geometric": {
            "digital": False,
            "indices": [0, 1],
            "segmentation": {"binningdata": axes},
            "thickness": template.thickness,
            "threshold": 0.0,
            "charge-smearing": CHARGE_SMEARING,
        }
    }


def _seeding(detector: Detector, layers: list[ActsLayer]) -> list[dict[str, int]]:
    """Layers with fine cells: all cylinders, and the innermost disks of each side; all layers if none is fine."""
    spread = np.maximum(detector.resolution_u, detector.resolution_v)
    fine = [layer for layer in layers if spread[layer.sensors].max() <= FINE] or layers
    kept = [layer for layer in fine if layer.kind == "cylinder"]
    count = SEEDING_DISKS if kept else len(fine)
    for side in (-1, 1):
        disks = [layer for layer in fine if layer.kind == "disc" and side * sum(layer.box[2:]) > 0]
        kept += sorted(disks, key=lambda layer: abs(sum(layer.box[2:])))[:count]
    return [{"volume": layer.volume, "layer": layer.layer} for layer in kept]
