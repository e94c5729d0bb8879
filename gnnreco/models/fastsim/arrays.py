"""What the learned arrays of a fast simulation must be; known without torch."""

from __future__ import annotations

from gnnreco.models.state import Numbers, named
from gnnreco.simulate.showers.learned.weights import (
    CASCADE,
    FLOW,
    GAN,
    GENERATORS,
    OWN,
    Engines,
    cascade_sizes,
    set_sizes,
    sizes,
)

MOST = 12.0  # of the logarithm of a layer's points (160,000), of their mean energy, and of a shower's total
#: The classes of particles that a bundle may know, one of them; bundles that do not say which know the first.
PARTICLES = Engines._fields


def fastsim_arrays(
    hidden: int,
    deposit: int,
    generator: str = CASCADE,
    width: int = 32,
    steps: int = 2,
    particles: str = PARTICLES[0],
) -> dict[str, Numbers]:
    """What each array must be, by name: those of the networks, and what the task keeps besides.

    Raises
    ------
    ValueError
        A generator or particles that nobody knows.
    """
    if particles not in PARTICLES:
        raise ValueError(f"particles are {' or '.join(PARTICLES)}, not {particles!r}")
    pions = particles == "pions"
    shapes = sizes(hidden, deposit, pions)
    energies, ranges = (shapes.pop(name) for name in OWN)
    if generator == CASCADE:
        shapes |= cascade_sizes(hidden, deposit, pions)
    elif generator == FLOW:
        shapes |= set_sizes("points.sets", hidden, width, steps, pions=pions)
    elif generator == GAN:
        shapes |= set_sizes("points.sets", hidden, width, 1, pions=pions)
        shapes |= critic_sizes(hidden, width, pions)
    else:
        raise ValueError(f"the generator '{generator}' is not known, only {', '.join(GENERATORS)}")
    own = {"energies": Numbers(energies, low=0.0, infinite=True), "ranges": Numbers(ranges)}
    network = {name: Numbers(shape) for name, shape in shapes.items()}
    for name in ("total.most", "layer.most"):  # what is drawn is cut here: memory depends on it
        network[name] = Numbers(shapes[name], high=MOST)
    return named("network", network) | own


def critic_sizes(hidden: int, width: int, pions: bool = False) -> dict[str, tuple[int, ...]]:
    """Shape of each array of what judges generated points: it serves training alone."""
    sets = set_sizes("points.critic.sets", hidden, width, 1, outputs=width, pions=pions)
    return {**sets, "points.critic.score.weight": (1, width), "points.critic.score.bias": (1,)}
