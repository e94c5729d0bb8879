"""What the networks of the fast simulation learn from: layers of showers, and points in them with what they may hang on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class ShowerLayers:
    """Layers of showers.

    Attributes
    ----------
    features : float32 (l, f)
    count : float32 (l,)
        Points in each.
    energy : float32 (l,)
        In what a minimum-ionising particle leaves.
    """

    features: Tensor
    count: Tensor
    energy: Tensor


@dataclass(frozen=True, slots=True)
class ShowerPoints:
    """Some points of some layers.

    Attributes
    ----------
    features : float32 (l, f + 2)
        Of each layer that is not empty, with `OF_LAYER`.
    moliere : float32 (l,)
        mm.
    first : int64 (l + 1,)
        Points ``first[i]:first[i + 1]`` lie in layer i, in the order in which they count as drawn.
    points : float32 (m, 3)
        mm off the axis, and energy in what a minimum-ionising particle leaves.
    parent_first : int64 (l + 1,)
        Parents ``parent_first[i]:parent_first[i + 1]`` are the points of the layer before.
    parents : float32 (q, 3)
    layer, rank : int64 (t,)
        The points that are looked at, layer after layer: their layer, and how many of it were drawn before.
    """

    features: Tensor
    moliere: Tensor
    first: Tensor
    points: Tensor
    parent_first: Tensor
    parents: Tensor
    layer: Tensor
    rank: Tensor


@dataclass(frozen=True, slots=True)
class ShowerSets:
    """All points of some showers, in the numbers that a network over sets moves: a plane around the axis, and energies.

    Attributes
    ----------
    features : float32 (l, f + 2)
        Of each layer, with `OF_LAYER`.
    shower : int64 (l,)
        Of each layer; layers of a shower follow one another.
    layer : int64 (n,)
        Of each point.
    points, noise : float32 (n, 3)
        Where it lies, and where it may come from.
    """

    features: Tensor
    shower: Tensor
    layer: Tensor
    points: Tensor
    noise: Tensor
