"""Kernels of the track fit: what matter does to a track, in its sensors and in the cylinders between and before them.

Multiple scattering is Highland's, energy loss Bethe's; see `gnnreco.fit.trackfit` for what they are part of.
"""

from __future__ import annotations

import math

from gnnreco.columns import Floats
from gnnreco.kernels import W, X, Y, Z

from .helix import D0, PHI, RAY_Q_OVER_P, THETA, TX, TY, TZ, Z0
from .kalman import Given, Work, dot, kernel

#: Columns of a cylinder around z.
RADIUS, HALF_LENGTH, DEPTH, MIDDLE = range(4)
#: Columns of what lies between two sensors: radiation lengths along the track; the same times the part of the way that is
#: left from there to the inner one, and times its square.
ALL, LEFT, LEFT_SQUARED = range(3)
STRAIGHTEST = 0.05  # sine or cosine below which the path through matter grows no longer


@kernel
def scattered(depth: float, q_over_p: float, mass: float) -> float:
    """Variance of each angle after a path of `depth` radiation lengths: Highland's formula."""
    if q_over_p == 0.0 or depth <= 0.0:
        return 0.0
    p = 1.0 / abs(q_over_p)
    beta2 = p * p / (p * p + mass * mass)
    theta = (
        0.0136 / (p * math.sqrt(beta2)) * math.sqrt(depth) * max(0.0, 1.0 + 0.038 * math.log(depth / beta2))
    )
    return theta * theta


@kernel
def inside(j: int, lever: float, given: Given, work: Work) -> tuple[float, float, float, float]:
    """q/p on the inner side of sensor `j` and of the cylinders before the next one, and its slope in q/p outside.

    Then the variance of each angle from scattering in the sensor, and in those cylinders.
    """
    q_over_p = work.state[j, RAY_Q_OVER_P] if lever > 0.0 else given.q_over_p_without_field
    slant = abs(dot(work.axes[j, W], work.state[j, TX], work.state[j, TY], work.state[j, TZ]))
    depth, farther = work.material[j] / max(slant, STRAIGHTEST), work.between[j, ALL]
    if q_over_p == 0.0 or depth + farther <= 0.0:
        return work.state[j, RAY_Q_OVER_P], 1.0, 0.0, 0.0
    scatter, kinks = scattered(depth, q_over_p, given.mass), scattered(farther, q_over_p, given.mass)
    if not given.energy_loss or lever == 0.0:
        return work.state[j, RAY_Q_OVER_P], 1.0, scatter, kinks
    p = 1.0 / abs(q_over_p)
    energy = math.sqrt(p * p + given.mass * given.mass)
    inner = energy + (depth + farther) * _loss(p, energy, given.mass)
    inner_p = math.sqrt(inner * inner - given.mass * given.mass)
    return math.copysign(1.0 / inner_p, q_over_p), (p / inner_p) ** 3 * inner / energy, scatter, kinks


@kernel
def _loss(p: float, energy: float, mass: float) -> float:
    """Mean energy loss in one radiation length of silicon (21.82 g/cm^2), GeV: Bethe with the density effect far up."""
    electron, excitation, plasma = 0.511e-3, 173e-9, 31.05e-9
    gamma, beta2 = energy / mass, (p / energy) ** 2
    bg2 = (p / mass) ** 2
    largest = 2.0 * electron * bg2 / (1.0 + 2.0 * gamma * electron / mass + (electron / mass) ** 2)
    density = max(0.0, math.log(plasma / excitation) + 0.5 * math.log(bg2) - 0.5)
    bracket = 0.5 * math.log(2.0 * electron * bg2 * largest / excitation**2) - beta2 - density
    return 21.82 * 0.307075e-3 * 0.49848 / beta2 * max(bracket, 0.0)


@kernel
def between_sensors(n: int, given: Given, work: Work) -> None:
    """Note the cylinders that a track crosses from each hit to the next one in, along straight lines."""
    point, between = work.point, work.between
    between[:n] = 0.0
    for c in range(len(given.passive)):
        radius = given.passive[c, RADIUS]
        for j in range(n - 1):
            dx, dy = point[j, X] - point[j + 1, X], point[j, Y] - point[j + 1, Y]
            dz = point[j, Z] - point[j + 1, Z]
            outer, inner = math.hypot(point[j, X], point[j, Y]), math.hypot(point[j + 1, X], point[j + 1, Y])
            if not inner < radius <= outer:
                continue
            left = (radius - inner) / (outer - inner)
            if abs(point[j + 1, Z] + left * dz - given.passive[c, MIDDLE]) > given.passive[c, HALF_LENGTH]:
                continue
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            depth = given.passive[c, DEPTH] / max(math.hypot(dx, dy) / length, STRAIGHTEST)
            between[j, ALL] += depth
            between[j, LEFT] += depth * left
            between[j, LEFT_SQUARED] += depth * left * left


@kernel
def before_the_first_sensor(
    first: float,
    z0: float,
    cot: float,
    sine: float,
    lever: float,
    q_over_p: float,
    given: Given,
    covariance: Floats,
) -> None:
    """Add to the covariance at the axis what cylinders inside the radius of the first hit scatter.

    A kink there leaves the track outside as it is: its angles on the axis turn, and the point of closest approach with them.
    """
    inverse = q_over_p if lever > 0.0 else given.q_over_p_without_field
    for c in range(len(given.passive)):
        radius = given.passive[c, RADIUS]
        if radius >= first:
            continue
        if abs(z0 + radius * cot - given.passive[c, MIDDLE]) > given.passive[c, HALF_LENGTH]:
            continue
        variance = scattered(given.passive[c, DEPTH] / max(sine, STRAIGHTEST), inverse, given.mass)
        across, along = variance / (sine * sine), radius / (sine * sine)
        covariance[PHI, PHI] += across
        covariance[D0, D0] += radius * radius * across
        covariance[D0, PHI] -= radius * across
        covariance[PHI, D0] -= radius * across
        covariance[THETA, THETA] += variance
        covariance[Z0, Z0] += along * along * variance
        covariance[Z0, THETA] += along * variance
        covariance[THETA, Z0] += along * variance
