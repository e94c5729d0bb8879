"""Our layers as ACTS nests them: cylinders and disks in containers cut along r or z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.detector import Detector

CLEARANCE = 0.2  # mm: the least room between two volumes
Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class ActsLayer:
    """A layer of ACTS.

    Attributes
    ----------
    volume, layer : int
        Numbers in the geometry identifier, from 1.
    kind : str
        ``cylinder`` or ``disc``.
    sensors : int64 (n,)
        Rows of the detector; the sensitive number is the place in this list plus 1.
    box : tuple of float
        Smallest and largest r, then z, mm.
    """

    volume: int
    layer: int
    kind: str
    sensors: NDArray[np.int64]
    box: tuple[float, ...]


def acts_layers(detector: Detector) -> tuple[list[ActsLayer], JsonDict]:
    """The layers, and the tree of containers over them.

    Returns
    -------
    layers : list of ActsLayer
    tree : dict
        ``{"layer": index}`` for a leaf, ``{"direction": "r" | "z", "children": [...]}`` for a container.

    Raises
    ------
    BadInput
        Where cylinders and disks cannot be told apart by cuts.
    """
    used, row = np.unique(detector.layer, return_inverse=True)
    boxes = np.zeros((len(used), 4))
    for number in range(len(used)):
        own = sensor_boxes(detector, np.flatnonzero(row == number))
        boxes[number] = own[:, 0].min(), own[:, 1].max(), own[:, 2].min(), own[:, 3].max()
    flat = np.abs(detector.rotation[:, 2, 2]) > np.sqrt(0.5)
    kinds = ["disc" if flat[row == number].mean() > 0.5 else "cylinder" for number in range(len(used))]
    groups: list[list[int]] = []
    tree = _nest(list(range(len(used))), boxes, groups)
    layers: list[ActsLayer] = []
    for group in groups:
        if len({kinds[number] for number in group}) > 1:
            named = ", ".join(str(used[number]) for number in group)
            why = f"layers {named} interleave as cylinders and disks; ACTS cannot nest them"
            raise BadInput(detector.folder, "", why)
        sensors = np.flatnonzero(np.isin(row, group))
        volume = int(np.bincount(detector.subsystem[sensors]).argmax()) + 1
        number = 1 + sum(layer.volume == volume for layer in layers)
        own = boxes[group]
        box = (own[:, 0].min(), own[:, 1].max(), own[:, 2].min(), own[:, 3].max())
        layers.append(ActsLayer(volume, number, kinds[group[0]], sensors, tuple(float(x) for x in box)))
    return layers, tree


def sensor_boxes(detector: Detector, sensors: NDArray[np.int64]) -> Boxes:
    """Smallest and largest r and z (n, 4) of each sensor's middle plane, mm."""
    corners = detector.outline_corners()[detector.template[sensors]]
    place = detector.center[sensors, None] + np.einsum(
        "nij,nkj->nki", detector.rotation[sensors][:, :, :2], corners
    )
    start, step = place[..., :2], np.roll(place[..., :2], -1, axis=1) - place[..., :2]
    length = (step**2).sum(axis=2)
    along = np.clip(-(start * step).sum(axis=2) / np.where(length > 0, length, 1.0), 0, 1)
    near = np.linalg.norm(start + along[..., None] * step, axis=2).min(axis=1)
    # Where the axis goes through the sensor all its edges turn round it the same way.
    cross = start[..., 0] * step[..., 1] - start[..., 1] * step[..., 0]
    around = ((cross >= 0).all(axis=1) | (cross <= 0).all(axis=1)) & (np.abs(cross).max(axis=1) > 1e-6)
    far = np.linalg.norm(start, axis=2).max(axis=1)
    z = place[..., 2]
    return np.stack([np.where(around, 0.0, near), far, z.min(axis=1), z.max(axis=1)], axis=1)


def _nest(members: list[int], boxes: Boxes, groups: list[list[int]]) -> JsonDict:
    """Cut along the direction that gives more parts, then each part again; what no cut parts is one layer."""
    if len(members) > 1:
        parts = {"r": _cut(members, boxes[:, :2]), "z": _cut(members, boxes[:, 2:])}
        direction = max(parts, key=lambda key: len(parts[key]))
        if len(parts[direction]) > 1:
            children = [_nest(part, boxes, groups) for part in parts[direction]]
            return {"direction": direction, "children": children}
    groups.append(members)
    return {"layer": len(groups) - 1}


def _cut(members: list[int], spans: Boxes) -> list[list[int]]:
    """The parts that gaps separate, in order."""
    order = sorted(members, key=lambda number: float(spans[number, 0]))
    parts, reach = [[order[0]]], float(spans[order[0], 1])
    for number in order[1:]:
        if spans[number, 0] > reach + CLEARANCE:
            parts.append([])
        parts[-1].append(number)
        reach = max(reach, float(spans[number, 1]))
    return parts
