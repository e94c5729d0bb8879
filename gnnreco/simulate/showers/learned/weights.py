"""The learned numbers of the fast simulation, as numba wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .features import N_RANGES, OF_LAYER
from .nuclear import FEATURES_OF, OF_SHOWER_OF

Array = NDArray[np.float32]

#: Components of the mixtures: of counts, energies of layers, places around the axis, parents and siblings, deposits.
COUNTS, ENERGIES, FRESH, CHILD, SIBLING, DEPOSITS, TOTALS = 5, 4, 3, 3, 3, 3, 3
#: What a task keeps besides its network.
OWN = ("energies", "ranges")
#: Columns of what `points.around` gives: those of mixtures first a weight each, then a size each.
OF_FRESH = 1
OF_CHILD = OF_FRESH + 2 * FRESH
GROWTH = OF_CHILD + 2 * CHILD
BY_ENERGY, BY_RADIUS, NEAR, NEAR_LATE = range(GROWTH + 1, GROWTH + 5)
OF_SIBLING = GROWTH + 5
PLACES = OF_SIBLING + 2 * SIBLING
#: What makes the points of a shower: one after the other, or all at once from noise, in steps or in one.
CASCADE, FLOW, GAN = GENERATORS = ("cascade", "flow", "gan")
SEEN, PLACED = 4, 3  # what a network over sets reads of a point, and what it says of it


class Dense(NamedTuple):
    """A layer of a network: weight (inputs, outputs) and bias (outputs,)."""

    weight: Array
    bias: Array


class Trunk(NamedTuple):
    """Mean and inverse spread of the inputs (f,), and two layers."""

    mean: Array
    scale: Array
    one: Dense
    two: Dense


class TotalWeights(NamedTuple):
    """How much of a shower is seen in all.

    Attributes
    ----------
    trunk : Trunk
    share : Dense
        To the logit of nothing at all, and the mixture of the logarithm of the share that is seen.
    most : float32 (1,)
        Largest of this logarithm that training saw.
    """

    trunk: Trunk
    share: Dense
    most: Array


class LayerWeights(NamedTuple):
    """How many points lie in the next layer, and how much energy.

    Attributes
    ----------
    trunk : Trunk
    number : Dense
        To the logit of none at all, and the mixture of the logarithm of their number.
    energy_one, energy : Dense
        From the trunk and the logarithm of the number to the mixture of the logarithm of a point's mean energy.
    most : float32 (2,)
        Largest of these two logarithms that training saw: no more is ever drawn.
    """

    trunk: Trunk
    number: Dense
    energy_one: Dense
    energy: Dense
    most: Array


class PointWeights(NamedTuple):
    """Where the points of a layer lie, and how they share its energy.

    Attributes
    ----------
    trunk : Trunk
    place : Dense
        To the mixtures of places: see the columns of this module.
    deposit_layer : Dense
        From the trunk,
    deposit_own : float32 (2, h)
        and from the distance from the axis and the density of points there,
    deposit : Dense
        to the mixture of the logarithm of a point's energy.
    """

    trunk: Trunk
    place: Dense
    deposit_layer: Dense
    deposit_own: Array
    deposit: Dense


class SetWeights(NamedTuple):
    """How the points of a whole shower move, from noise to where they lie; they know of one another by sums over layers.

    Attributes
    ----------
    trunk : Trunk
    layer : Dense
        From the trunk to what all points of a layer are given,
    time : float32 (steps, w)
        and what they are given in each step.
    own : float32 (4, w)
        From a point.
    mix_one, two, mix_two, three : Dense
        Two rounds: from means over a layer and its neighbours and the trunk to factors and shifts of a layer, and with these
        from each point's numbers to its next ones.
    out : Dense
        To the velocity of a point.
    """

    trunk: Trunk
    layer: Dense
    time: Array
    own: Array
    mix_one: Dense
    two: Dense
    mix_two: Dense
    three: Dense
    out: Dense


class Engine(NamedTuple):
    """What makes the showers of photons and electrons, or those of charged pions: a trained network.

    Attributes
    ----------
    total : TotalWeights
    layer : LayerWeights
    points : PointWeights or None
    sets : SetWeights or None
        One of the two makes the points of layers; the other is not there, and is not compiled.
    lowest, highest : float
        Energies of the showers that trained it, GeV. Photons and electrons of more are split into what it knows; all
        others are made by the parametrisation.
    ranges : float32 (10, 2)
        Smallest and largest value in training of each feature that the detector alone decides.
    """

    total: TotalWeights
    layer: LayerWeights
    points: PointWeights | None
    sets: SetWeights | None
    lowest: float
    highest: float
    ranges: Array


class Engines(NamedTuple):
    """What makes the showers of each class of particle; where there is none, the parametrisation does.

    Attributes
    ----------
    electromagnetic, pions : Engine or None
        Of photons and electrons (also those that hadrons make), and of charged pions.
    """

    electromagnetic: Engine | None = None
    pions: Engine | None = None

    def filled(self) -> Engines:
        """None or both: the other one stands for one that is missing, for no energy. Kernels compile less often so."""
        idle = self.electromagnetic or self.pions
        if idle is None:
            return self
        idle = idle._replace(lowest=np.inf, highest=np.inf)
        return Engines(self.electromagnetic or idle, self.pions or idle)


def sizes(hidden: int, deposit: int, pions: bool = False) -> dict[str, tuple[int, ...]]:
    """Shape of each learned array by its name in torch, weights (outputs, inputs): all but those that make points.

    `pions`: of an engine for these.
    """
    features = len(FEATURES_OF[pions])
    return {
        **_trunk("total.trunk", len(OF_SHOWER_OF[pions]), deposit),
        **_dense("total.share", deposit, 1 + 3 * TOTALS),
        "total.most": (1,),
        **_trunk("layer.trunk", features, hidden),
        **_dense("layer.number", hidden, 1 + 3 * COUNTS),
        **_dense("layer.energy_one", hidden + 1, deposit),
        **_dense("layer.energy", deposit, 3 * ENERGIES),
        "layer.most": (2,),
        "energies": (2,),
        "ranges": (2, N_RANGES),
    }


def cascade_sizes(hidden: int, deposit: int, pions: bool = False) -> dict[str, tuple[int, ...]]:
    """The same of `PointWeights`."""
    return {
        **_trunk("points.trunk", len(FEATURES_OF[pions]) + len(OF_LAYER), hidden),
        **_dense("points.around", hidden, PLACES),
        **_dense("points.deposit_layer", hidden, deposit),
        "points.deposit_own.weight": (deposit, 2),
        **_dense("points.deposit", deposit, 3 * DEPOSITS),
    }


def set_sizes(
    name: str, hidden: int, width: int, steps: int, outputs: int = PLACED, pions: bool = False
) -> dict[str, tuple[int, ...]]:
    """The same of `SetWeights`, whose names begin with `name`."""
    means = 3 * width + hidden
    return {
        **_trunk(f"{name}.trunk", len(FEATURES_OF[pions]) + len(OF_LAYER), hidden),
        **_dense(f"{name}.layer", hidden, width),
        f"{name}.time": (width, steps),
        f"{name}.own.weight": (width, SEEN),
        **_dense(f"{name}.mix_one", means, 2 * width),
        **_dense(f"{name}.two", width, width),
        **_dense(f"{name}.mix_two", means, 2 * width),
        **_dense(f"{name}.three", width, width),
        **_dense(f"{name}.out", width, outputs),
    }


def _dense(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _trunk(name: str, inputs: int, width: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.mean": (inputs,),
        f"{name}.scale": (inputs,),
        **_dense(f"{name}.one", inputs, width),
        **_dense(f"{name}.two", width, width),
    }


def engine_of(state: Mapping[str, NDArray[np.generic]]) -> Engine:
    """An engine from learned arrays: see `sizes`; those of the network may be called ``network.<name>``."""
    state = {name.removeprefix("network."): value for name, value in state.items()}

    def array(name: str) -> Array:
        return np.ascontiguousarray(state[name].astype(np.float32).T)

    def dense(name: str) -> Dense:
        return Dense(array(f"{name}.weight"), array(f"{name}.bias"))

    def trunk(name: str) -> Trunk:
        one, two = dense(f"{name}.one"), dense(f"{name}.two")
        return Trunk(array(f"{name}.mean"), array(f"{name}.scale"), one, two)

    total = TotalWeights(trunk("total.trunk"), dense("total.share"), array("total.most"))
    layer = LayerWeights(
        trunk("layer.trunk"),
        dense("layer.number"),
        dense("layer.energy_one"),
        dense("layer.energy"),
        array("layer.most"),
    )
    points, sets = None, None
    if "points.sets.time" in state:
        sets = SetWeights(
            trunk("points.sets.trunk"),
            dense("points.sets.layer"),
            array("points.sets.time"),
            array("points.sets.own.weight"),
            *(dense(f"points.sets.{name}") for name in ("mix_one", "two", "mix_two", "three", "out")),
        )
    else:
        points = PointWeights(
            trunk("points.trunk"),
            dense("points.around"),
            dense("points.deposit_layer"),
            array("points.deposit_own.weight"),
            dense("points.deposit"),
        )
    lowest, highest = (float(e) for e in state["energies"])
    return Engine(total, layer, points, sets, lowest, highest, array("ranges"))
