"""Fields that a detector might be in: for reconstruction that does not depend on one map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gnnreco.geometry import Detector
from gnnreco.geometry.field.solenoid import solenoid_map

STRENGTH = (0.97, 1.03)  # of the field at the middle, over that of the detector
LENGTH = (0.6, 1.3)  # of the coil over that of all sensors
RADIUS = (1.05, 1.4)  # of the coil over that of all sensors


def random_field(detector: Detector, rng: np.random.Generator) -> Detector:
    """The detector in the field of a coil of random size; as it is where its field has no component along z.

    Parameters
    ----------
    detector : Detector
    rng : Generator

    Returns
    -------
    Detector
        The same sensors. At its middle the field is that of `detector` within 3 %; towards the ends it falls off.
    """
    bz = float(detector.field.at(np.zeros((1, 3)))[0, 2])
    if bz == 0.0:
        return detector
    low, high = detector.bounds
    half = max(float(-low[:, 2].min()), float(high[:, 2].max()))
    reach = max(float(np.hypot(*np.abs(corner[:, :2]).T).max()) for corner in (low, high))
    coil = 2 * half * rng.uniform(*LENGTH), reach * rng.uniform(*RADIUS)
    return replace(detector, field=solenoid_map(bz * rng.uniform(*STRENGTH), *coil))
