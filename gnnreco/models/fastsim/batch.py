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
    layer : int64 (t,)
        Of each point.
    place : float32 (t, 2)
        mm off the axis.
    deposit : float32 (t,)
        In what a minimum-ionising particle leaves.
    rank : float32 (t,)
        Share of its layer's points that were drawn before it, 0 to 1.
    parent_layer : int64 (q,)
        Layer before which each possible parent lies.
    parent_place, parent_deposit : float32 (q, 2), (q,)
    child, parent : int64 (p,)
        Pairs of a point and each possible parent.
    later : int64 (s,)
        The later point of each pair of points of one layer,
    apart : float32 (s,)
        and the square of their distance, mm^2.
    """

    features: Tensor
    moliere: Tensor
    layer: Tensor
    place: Tensor
    deposit: Tensor
    rank: Tensor
    parent_layer: Tensor
    parent_place: Tensor
    parent_deposit: Tensor
    child: Tensor
    parent: Tensor
    later: Tensor
    apart: Tensor


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
