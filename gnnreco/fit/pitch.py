"""How far the channels of an event lie apart: its cells may be others than those of the detector's description.

The hits of one channel say where it is. ACTS's examples, for one, digitise square pixels of 0.05 mm in the detector of the
TrackML challenge, whose pixels are 0.05625 mm long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.geometry import Detector

from .kalman import kernel

#: Hits of one channel that tell the pitch of a template, and the squared correlation of place and number that they need.
ENOUGH, STRAIGHT = 20, 0.99
MOST_OFF = 0.5  # of the described pitch: numbers that count something else lead farther off


def pitches_of(detector: Detector, hits: Hits) -> Floats:
    """Distance of neighbouring channels along u and v in the sensors of each template, mm; NaN where hits do not tell.

    Returns
    -------
    float64 (n_templates, 2)
    """
    sums = np.zeros((len(detector.templates), 2, 6))
    if hits.deposits is None:
        return np.full(sums.shape[:2], np.nan)
    d, place = hits.deposits, (hits.x, hits.y, hits.z)
    _add(
        d.offsets, d.u, d.v, hits.sensor, detector.template, *place, detector.center, detector.rotation, sums
    )
    n, c, x, cc, cx, xx = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        channels, both, places = n * cc - c * c, n * cx - c * x, n * xx - x * x
        pitch = np.round(np.abs(both / channels), 6)  # a nanometre: the order of the hits does not matter
        straight = both * both > STRAIGHT * channels * places
    described = np.array([getattr(t, "pitch", (np.nan, np.nan)) for t in detector.templates], np.float64)
    good = (n >= ENOUGH) & straight & (np.abs(pitch / described - 1) < MOST_OFF)
    return np.where(good, pitch, np.nan)


@kernel
def _add(
    offsets: Ints,
    u: NDArray[np.int32],
    v: NDArray[np.int32],
    sensor: NDArray[np.int32],
    template: NDArray[np.int32],
    x: Floats,
    y: Floats,
    z: Floats,
    center: Floats,
    rotation: Floats,
    sums: Floats,
) -> None:
    """For each template and axis: hits of one channel, then sums of its number, its place, and their products."""
    for i in range(len(sensor)):
        first, last, s = offsets[i], offsets[i + 1], sensor[i]
        if s < 0 or first == last:
            continue
        dx, dy, dz = x[i] - center[s, 0], y[i] - center[s, 1], z[i] - center[s, 2]
        for axis in range(2):
            channel = u if axis == 0 else v
            number, alone = channel[first], True
            for k in range(first + 1, last):
                alone &= channel[k] == number
            if not alone:
                continue
            place = dx * rotation[s, 0, axis] + dy * rotation[s, 1, axis] + dz * rotation[s, 2, axis]
            own = sums[template[s], axis]
            own[0] += 1.0
            own[1] += number
            own[2] += place
            own[3] += float(number) * number
            own[4] += number * place
            own[5] += place * place
