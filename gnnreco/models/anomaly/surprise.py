"""How surprising each region of an event is: the network of `surprise_network`, run without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.graphs.regions.places import RINGS, WAYS
from gnnreco.models.state import Numbers

F32 = NDArray[np.float32]
LEAST_SCALE = 0.03  # of a logistic distribution, in units of the spread of a feature
UNIT = 0.5413249  # softplus makes 1 of it


@dataclass(frozen=True)
class SurpriseSizes:
    """Sizes of the network.

    Attributes
    ----------
    features, static : int
        Numbers of a node that are expected, and those that never change there.
    hidden, width, mixtures : int
        Of messages and context, of the layers after it, and of the densities.
    """

    features: int
    static: int
    hidden: int
    width: int
    mixtures: int

    @property
    def ways(self) -> int:
        """Classes of neighbours."""
        return int(way_classes().max()) + 1

    @property
    def neighbours(self) -> int:
        """Of a node."""
        return len(WAYS)


def way_classes() -> Ints:
    """Class of each of `WAYS`: neighbours that a mirror or a turn exchanges have the same (24,)."""
    sizes = sorted({(abs(a), abs(b)) for a, b in WAYS})
    return np.array([sizes.index((abs(a), abs(b))) for a, b in WAYS], np.int64)


def masks(sizes: SurpriseSizes) -> dict[str, F32]:
    """Which numbers of one layer may reach which of the next, so that no feature is told of itself or of later ones."""
    features, width = sizes.features, sizes.width
    of_input, of_hidden = np.arange(1, features + 1), np.arange(width) % features
    of_output = np.tile(np.arange(1, features + 1), 3 * sizes.mixtures)
    pairs = {
        "first": of_hidden[:, None] >= of_input,
        "second": of_hidden[:, None] >= of_hidden,
        "out": of_output[:, None] > of_hidden,
    }
    return {name: mask.astype(np.float32) for name, mask in pairs.items()}


def neighbours_of(belts: int, around: int, grids: int = 1) -> Ints:
    """Rows of the neighbours of each region of some grids (grids * belts * around, 24); their number where there is none."""
    n = belts * around
    belt, turn = np.divmod(np.arange(n), around)
    columns = []
    for a, b in WAYS:
        there = belt + a
        row = there * around + (turn + b) % around
        columns.append(np.where((there >= 0) & (there < belts), row, grids * n))
    one = np.stack(columns, axis=1)
    more = one + n * np.arange(grids)[:, None, None]
    return np.where(one < grids * n, more, grids * n).reshape(-1, len(WAYS))


def surprise_arrays(sizes: SurpriseSizes) -> dict[str, Numbers]:
    """What each array of the network must be, by name."""
    f, s, h, w = sizes.features, sizes.static, sizes.hidden, sizes.width
    shapes: dict[str, tuple[int, ...]] = {
        "center": (f,),
        "scale": (f,),
        "way": (sizes.ways, h),
        **_layer("message", h, f),
        **_layer("context", h, h),
        **_layer("first", w, f),
        **_layer("about", w, h + s),
        **_layer("second", w, w),
        **_layer("out", 3 * sizes.mixtures * f, w),
    }
    return {
        name: Numbers(shape, low=1e-6) if name == "scale" else Numbers(shape)
        for name, shape in shapes.items()
    }


def _layer(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


class Surprise:
    """The trained network.

    Parameters
    ----------
    weights : mapping of str to float32
        As `surprise_arrays` describes them.
    sizes : SurpriseSizes
    """

    def __init__(self, weights: Mapping[str, NDArray[np.generic]], sizes: SurpriseSizes) -> None:
        self.sizes = sizes
        self.weights = {name: np.asarray(array, np.float32) for name, array in weights.items()}
        for name, mask in masks(sizes).items():
            self.weights[f"{name}.weight"] = self.weights[f"{name}.weight"] * mask
        self.classes = way_classes()

    def __call__(self, features: F32, static: F32, belts: int, around: int) -> F32:
        """Surprise of each feature of each region (n, f): minus the logarithm of its density, above what is to be expected.

        Parameters
        ----------
        features : float32 (n, f)
            Of the regions of one or several grids of ``belts * around``.
        static : float32 (belts, s)
        """
        w = self.weights
        x = (features - w["center"]) / w["scale"]
        context = self._context(x, belts, around)
        about = np.maximum(self._linear("context", context), 0)
        about = about @ w["about.weight"][:, : about.shape[1]].T + w["about.bias"]
        still = np.repeat(static @ w["about.weight"][:, context.shape[1] :].T, around, axis=0)
        about += np.tile(still, (len(x) // len(still), 1))
        hidden = np.maximum(self._linear("first", x) + about, 0)
        hidden = np.maximum(self._linear("second", hidden), 0)
        return _surprise(x, self._linear("out", hidden), self.sizes.mixtures)

    def _linear(self, name: str, x: F32) -> F32:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _context(self, x: F32, belts: int, around: int) -> F32:
        """Mean of what the neighbours of each region send; beyond the rim nobody does."""
        sent = self._linear("message", x).reshape(-1, belts, around, self.sizes.hidden)
        wide = np.concatenate([sent[:, :, -RINGS:], sent, sent[:, :, :RINGS]], axis=2)
        summed = np.zeros_like(sent)
        for (a, b), kind in zip(WAYS, self.classes, strict=True):
            low, high = max(0, -a), min(belts, belts - a)
            if low < high:
                part = wide[:, low + a : high + a, RINGS + b : RINGS + b + around]
                summed[:, low:high] += np.maximum(part + self.weights["way"][kind], 0)
        return summed.reshape(len(x), self.sizes.hidden) / np.float32(len(WAYS))


def _surprise(x: F32, out: F32, mixtures: int) -> F32:
    """From the last layer to the surprise of each feature: see `SurpriseNetwork.forward`."""
    weight, middle, spread = out.reshape(len(x), 3, mixtures, x.shape[1]).transpose(1, 0, 2, 3)
    share = weight - weight.max(1, keepdims=True)
    share = share - np.log(np.exp(share).sum(1, keepdims=True))
    log_scale = np.log(np.logaddexp(spread + np.float32(UNIT), np.float32(0)) + np.float32(LEAST_SCALE))
    z = np.abs((x[:, None] - middle) * np.exp(-log_scale))
    of_each = share - z - 2 * np.log1p(np.exp(-z)) - log_scale
    best = of_each.max(1, keepdims=True)
    nll = -(best[:, 0] + np.log(np.exp(of_each - best).sum(1)))
    return np.asarray(nll - (np.exp(share) * (log_scale + 2 - share)).sum(1), np.float32)
