"""Candidate pairs as neighbours in a learned space: the other way to find them, beside `Windows`.

A small network sends each hit to a point in eight dimensions, trained so that hits that follow one another on a track lie
within a distance of one and others beyond. Neither layers nor windows are named; the price is a search in eight dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats

from .frame import WIDTH_CLASSES, Frame, Points


@dataclass(frozen=True)
class Embedding:
    """Three layers, normalisation folded into the first, and the radius within which hits are neighbours.

    Attributes
    ----------
    w1 (features, 64), b1 (64,), w2 (64, 64), b2 (64,), w3 (64, 8), b3 (8,) : float32
    radius : float64 (1,)
    """

    w1: NDArray[np.float32]
    b1: NDArray[np.float32]
    w2: NDArray[np.float32]
    b2: NDArray[np.float32]
    w3: NDArray[np.float32]
    b3: NDArray[np.float32]
    radius: Floats

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The weights as named arrays, for a bundle."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def places(self, points: Points, frame: Frame) -> NDArray[np.float32]:
        """Where each point lies in the learned space. Shape (n, 8)."""
        x = hit_features(points, frame)
        for weight, bias in ((self.w1, self.b1), (self.w2, self.b2)):
            x = np.maximum(x @ weight + bias, 0)
        return x @ self.w3 + self.b3  # type: ignore[no-any-return]

    def pairs(self, points: Points, frame: Frame, budget: int) -> tuple[NDArray[np.int32], int]:
        """Pairs of points on different layers within the radius, the one nearer to the frame's origin first.

        Returns
        -------
        pairs : int32 (n, 2)
            Sorted; none if there are more than `budget`.
        needed : int
            How many neighbours there are, those on the same layer included: what the search must hold.
        """
        from scipy.spatial import cKDTree

        tree = cKDTree(self.places(points, frame)) if len(points) else None
        if tree is None:
            return np.zeros((0, 2), np.int32), 0
        needed = int((tree.count_neighbors(tree, self.radius[0]) - len(points)) // 2)
        if needed > budget:
            return np.zeros((0, 2), np.int32), needed
        found = tree.query_pairs(self.radius[0], output_type="ndarray")
        found = found[points.layer[found[:, 0]] != points.layer[found[:, 1]]]
        ordered = np.where(_outwards(points, found)[:, None], found, found[:, ::-1])
        key = np.sort(ordered[:, 0] << 32 | ordered[:, 1])
        return np.stack([key >> 32, key & 0xFFFFFFFF], axis=1).astype(np.int32), needed


def _outwards(points: Points, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    distance = points.r**2 + points.z**2
    return np.asarray(distance[pairs[:, 0]] <= distance[pairs[:, 1]], np.bool_)


def hit_features(points: Points, frame: Frame) -> NDArray[np.float32]:
    """What is known of a hit alone: r, z and s in units of the detector, azimuth, slope, cluster. Shape (n, 11)."""
    reach = max(float(np.abs([frame.s_low, frame.s_high]).max()), 1e-9)
    width_u, width_v = (np.minimum(w, WIDTH_CLASSES - 1) / 2 for w in (points.width_u, points.width_v))
    signal = points.signal / frame.thickness[points.sensor]
    normal = frame.axes[points.sensor, :, 2]
    radial = (normal[:, 0] * points.x + normal[:, 1] * points.y) / np.maximum(points.r, 1e-9)
    columns = (
        points.r / reach,
        points.z / reach,
        points.s / reach,
        points.x / np.maximum(points.r, 1e-9),
        points.y / np.maximum(points.r, 1e-9),
        np.arcsinh(points.z / np.maximum(points.r, 1e-9)),
        np.abs(radial),
        width_u,
        width_v,
        signal / (1 + signal / 4),
        np.log1p(points.r / reach * 10),
    )
    return np.stack(columns, axis=1).astype(np.float32)
