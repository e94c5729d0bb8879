"""What a detector is made of besides its sensors: subsystems, how they measure, and passive material."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

import numpy as np

from gnnreco.columns import Floats

#: What a subsystem can measure; see `Subsystem`.
QUANTITIES = ("position", "energy", "time", "charge")


@dataclass(frozen=True, slots=True)
class Drift:
    """How charge drifts, spreads and is read out in the sensors of a drift chamber.

    The cells of the sensor are the pads, at ``w = -thickness / 2``; electrons drift towards them through the whole
    thickness: ``time = t0 + (w + thickness / 2) / velocity``.

    Attributes
    ----------
    velocity : float
        Of the drift, mm/ns.
    sample : float
        Length of a time sample, ns.
    diffusion : (float, float)
        Across the drift and along it, mm per square root of a millimetre drifted.
    pair_energy : float
        Mean energy for one electron-ion pair, GeV.
    pad_response : float
        Sigma of the charge on the pad plane, mm.
    shaping : float
        Sigma of the answer of the electronics, ns.
    noise, threshold : float
        Electrons in one sample of one pad, before the gas amplifies them.
    gain_spread : float
        Relative spread of the gain from one electron to the next; 1: an exponential avalanche.
    """

    velocity: float
    sample: float
    diffusion: tuple[float, float]
    pair_energy: float
    pad_response: float
    shaping: float
    noise: float
    threshold: float
    gain_spread: float

    @property
    def numbers(self) -> list[float]:
        """All values in one row, for the detector's hash."""
        velocity, sample, diffusion, *rest = astuple(self)
        return [velocity, sample, *diffusion, *rest]


@dataclass(frozen=True, slots=True)
class Subsystem:
    """A part of the detector and what it measures.

    Attributes
    ----------
    name : str
    measures : tuple of str
        Any of ``position`` (a tracker: touching cells become one hit), ``energy`` (a calorimeter: every cell over
        threshold is a hit), ``charge`` (a drift chamber: every sample of a pad is a hit) and ``time``.
    drift : Drift, optional
        Of a subsystem that measures ``charge``.
    shared_material : (float, float), optional
        Where services belong to a layer, and not to each of its sensors that overlap: what a particle meets in the first
        sensor of a layer that it crosses and in each further one, in units of `radiation_lengths`, which are the mean.
        None: each sensor has those.
    """

    name: str
    measures: tuple[str, ...] = ("position",)
    drift: Drift | None = None
    shared_material: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class PassiveCylinder:
    """Material that measures nothing, around the z axis: a beam pipe, a support tube.

    Attributes
    ----------
    name : str
    radius, half_length : float
        mm.
    radiation_lengths, interaction_lengths : float
        Thickness at normal incidence.
    middle : float
        z of its middle, mm.
    """

    name: str
    radius: float
    half_length: float
    radiation_lengths: float
    interaction_lengths: float
    middle: float = 0.0

    def moved(self, rotation: Floats, shift: Floats) -> PassiveCylinder | None:
        """The cylinder turned, then shifted by (3,) mm; None where the z axis does not run inside it from end to end.

        What little its own axis lies beside z then is left out.
        """
        ends = np.array([self.middle - self.half_length, self.middle + self.half_length])
        x, y, z = np.outer(rotation[:, 2], ends) + shift[:, None]
        return replace(self, middle=float(z.mean())) if np.hypot(x, y).max() < self.radius else None
