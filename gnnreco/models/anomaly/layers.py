"""Small dense networks of heads as arrays: torch trains them, NumPy runs them, in double precision and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.models.state import Numbers

from .heads import Arrays
from .scale import Array

if TYPE_CHECKING:
    from torch import Tensor

#: Beyond so many spreads networks see the logarithm: what is far stays within reach of their numbers.
STRAIGHT = 5.0


def squashed(z: Array) -> Array:
    """What networks see of rows in spreads: as they are up to `STRAIGHT`, then growing with the logarithm."""
    over = np.maximum(np.abs(z) - STRAIGHT, 0.0)
    return np.clip(z, -STRAIGHT, STRAIGHT) + np.sign(z) * np.log1p(over)


class Layers:
    """Dense layers one after the other; the weights are in single precision, the arithmetic in double.

    Attributes
    ----------
    weights, biases : list of float64 arrays
        (out, in) and (out,) of each; a network may have no biases.
    """

    def __init__(
        self, weights: Sequence[NDArray[np.floating]], biases: Sequence[NDArray[np.floating]]
    ) -> None:
        self.weights = [weight.astype(np.float64) for weight in weights]
        self.biases = [bias.astype(np.float64) for bias in biases]

    @classmethod
    def trained(cls, weights: Sequence[Tensor], biases: Sequence[Tensor] = ()) -> Layers:
        """Those of a network of torch."""
        return cls(*([x.detach().numpy() for x in part] for part in (weights, biases)))

    def step(self, depth: int, x: Array) -> Array:
        """What one layer makes of rows (n, in): (n, out)."""
        y = x @ self.weights[depth].T
        return y + self.biases[depth] if self.biases else y

    def arrays(self, name: str = "layers") -> Arrays:
        """Weights and biases by name: ``layers.0.weight``."""
        parts = {f"{name}.{i}.weight": x.astype(np.float32) for i, x in enumerate(self.weights)}
        return parts | {f"{name}.{i}.bias": x.astype(np.float32) for i, x in enumerate(self.biases)}

    @classmethod
    def of_arrays(cls, found: Arrays, name: str = "layers") -> Layers:
        """The network whose arrays these are."""
        count = sum(part.startswith(f"{name}.") and part.endswith(".weight") for part in found)
        biased = f"{name}.0.bias" in found
        return cls(
            [found[f"{name}.{i}.weight"] for i in range(count)],
            [found[f"{name}.{i}.bias"] for i in range(count) if biased],
        )

    @staticmethod
    def expected(sizes: Sequence[int | str], biased: bool = True, name: str = "layers") -> dict[str, Numbers]:
        """What its arrays must be; a size with a name is free."""
        found = {}
        for i, (before, after) in enumerate(pairwise(sizes)):
            found[f"{name}.{i}.weight"] = Numbers((after, before))
            if biased:
                found[f"{name}.{i}.bias"] = Numbers((after,))
        return found
