"""What matter does to a particle: compiled formulas, one crossing at a time; GeV, mm, silicon where a density is needed."""

from __future__ import annotations

import numpy as np

from gnnreco.kernels import X, Y, Z, njit

Vector = tuple[float, float, float]

ELECTRON_MASS = 0.51099895e-3
SILICON_X0 = 93.7  # mm
# Bethe, PDG review of particle physics 34.2: K / 2 * Z / A * density of silicon, GeV/mm; excitation and plasma energy.
XI_PER_MM = 0.5 * 0.307075 * 0.49848 * 2.329 * 1e-4
NUCLEAR_PT = 0.35  # GeV, mean transverse momentum of what a nuclear interaction throws out
EXCITATION, PLASMA = 173e-9, 31.05e-9
# Mean knock-on energy over the largest one, above which many knock-ons make the loss normal: Landau's most probable loss
# would pass the mean. That takes more than one charge, or is too rare to count.
MANY_KNOCK_ONS = 0.1


@njit(cache=True, error_model="numpy")
def highland(momentum: float, mass: float, charge: float, thickness: float) -> float:
    """Width (rad) of the projected scattering angle after `thickness` radiation lengths (Highland, PDG 34.3)."""
    if thickness <= 0.0:
        return 0.0
    beta = momentum / np.sqrt(momentum * momentum + mass * mass)
    return (
        13.6e-3
        / (beta * momentum)
        * abs(charge)
        * np.sqrt(thickness)
        * max(0.0, 1 + 0.038 * np.log(thickness * charge * charge / (beta * beta)))
    )


@njit(cache=True, error_model="numpy")
def deflect(direction: Vector, angle_one: float, angle_two: float) -> Vector:
    """A unit vector turned by two small angles about two axes across it."""
    x, y, z = direction
    # The axis least along the direction gives a stable cross product.
    if abs(z) < 0.9:
        n = np.sqrt(x * x + y * y)
        one = (-y / n, x / n, 0.0)
    else:
        n = np.sqrt(y * y + z * z)
        one = (0.0, -z / n, y / n)
    two = (y * one[Z] - z * one[Y], z * one[X] - x * one[Z], x * one[Y] - y * one[X])
    a, b = np.tan(angle_one), np.tan(angle_two)
    x, y, z = x + a * one[X] + b * two[X], y + a * one[Y] + b * two[Y], z + a * one[Z] + b * two[Z]
    n = 1 / np.sqrt(x * x + y * y + z * z)
    return x * n, y * n, z * n


@njit(cache=True, error_model="numpy")
def ionisation(rng: np.random.Generator, momentum: float, mass: float, charge: float, path: float) -> float:
    """Energy (GeV) left in `path` mm of silicon: Landau-like.

    The peak is Moyal's density (minus the log of a squared normal) at the most probable value of PDG 34.2.9; above it
    knock-on electrons fall as 1 / T^2, which restores the mean that Moyal's thin tail would lose. Of several charges, where
    knock-ons are many: normal about Bethe's mean (PDG 34.2.3) with Bohr's width, and never more than there is.
    """
    if path <= 0.0 or charge == 0.0:
        return 0.0
    gamma_beta = momentum / mass
    beta2 = momentum * momentum / (momentum * momentum + mass * mass)
    xi = XI_PER_MM * charge * charge * path / beta2
    density = max(0.0, 2 * np.log(PLASMA / EXCITATION * gamma_beta) - 1)
    peak = xi * (
        np.log(2 * ELECTRON_MASS * gamma_beta * gamma_beta / EXCITATION)
        + np.log(xi / EXCITATION)
        + 0.2
        - beta2
        - density
    )
    normal = rng.standard_normal()
    loss = peak - xi * np.log(normal * normal + 1e-300)
    hardest = (
        2
        * ELECTRON_MASS
        * gamma_beta
        * gamma_beta
        / (1 + 2 * np.sqrt(1 + gamma_beta * gamma_beta) * ELECTRON_MASS / mass + (ELECTRON_MASS / mass) ** 2)
    )
    if charge * charge > 1.0 and xi > MANY_KNOCK_ONS * hardest:
        knocks = np.log(2 * ELECTRON_MASS * gamma_beta * gamma_beta * hardest / (EXCITATION * EXCITATION))
        # Bethe's logarithm fails where electrons of the atoms outrun the particle.
        loss = xi * max(knocks - 2 * beta2 - density, 1.0) + np.sqrt(xi * hardest * (1 - beta2 / 2)) * normal
        return min(max(loss, 0.1 * xi), np.sqrt(momentum * momentum + mass * mass) - mass)
    soft = 8 * xi
    if hardest > soft and rng.random() < xi * (1 / soft - 1 / hardest):
        loss += 1 / (1 / soft - rng.random() * (1 / soft - 1 / hardest))
    return max(loss, 0.1 * xi)


@njit(cache=True, error_model="numpy")
def bremsstrahlung(rng: np.random.Generator, energy: float, thickness: float) -> float:
    """Energy (GeV) an electron radiates in `thickness` radiation lengths: Bethe and Heitler's law.

    The fraction that is left is exp(-g), with g gamma-distributed of shape thickness / ln 2.
    """
    if thickness <= 0.0:
        return 0.0
    return energy * (1 - np.exp(-rng.standard_gamma(thickness / np.log(2.0))))


@njit(cache=True, error_model="numpy")
def two_body(
    rng: np.random.Generator, mass: float, one: float, two: float, momentum: float, direction: Vector
) -> tuple[Vector, Vector]:
    """Momentum vectors of the two daughters (masses `one`, `two`) of a decay in flight, isotropic at rest."""
    energy = np.sqrt(momentum * momentum + mass * mass)
    p = np.sqrt(max(0.0, (mass**2 - (one + two) ** 2) * (mass**2 - (one - two) ** 2))) / (2 * mass)
    cos, phi = 2 * rng.random() - 1, 2 * np.pi * rng.random()
    sin = np.sqrt(1 - cos * cos)
    rest = (p * sin * np.cos(phi), p * sin * np.sin(phi), p * cos)
    along = rest[X] * direction[X] + rest[Y] * direction[Y] + rest[Z] * direction[Z]
    gain, beta_gamma = (energy / mass - 1) * along, momentum / mass
    first = gain + beta_gamma * np.sqrt(p * p + one * one)
    second = -gain + beta_gamma * np.sqrt(p * p + two * two)
    a = (rest[X] + first * direction[X], rest[Y] + first * direction[Y], rest[Z] + first * direction[Z])
    b = (second * direction[X] - rest[X], second * direction[Y] - rest[Y], second * direction[Z] - rest[Z])
    return a, b


@njit(cache=True, error_model="numpy")
def nuclear_fragment(rng: np.random.Generator, left: float, direction: Vector) -> tuple[float, Vector, int]:
    """Momentum (GeV), direction and kind (row of SECONDARIES: pi+, pi-, p) of one fragment, of `left` GeV to share."""
    momentum = left * (0.1 + 0.8 * rng.random())
    angle = np.arctan(rng.standard_gamma(2.0) * NUCLEAR_PT / 2 / momentum)
    turn = 2 * np.pi * rng.random()
    chance = rng.random()
    kind = 2 if chance < 0.4 else (3 if chance < 0.8 else 4)
    return momentum, deflect(direction, angle * np.cos(turn), angle * np.sin(turn)), kind
