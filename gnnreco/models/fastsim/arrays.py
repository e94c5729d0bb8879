"""What the learned arrays of a fast simulation must be; known without torch."""

from __future__ import annotations

from gnnreco.models.state import Numbers, named
from gnnreco.simulate.showers.learned.weights import OWN, Engines, sizes

MOST = 12.0  # of the logarithm of a layer's points (160,000), of their mean energy, and of a shower's total
#: The classes of particles that a bundle may know, one of them; bundles that do not say which know the first.
PARTICLES = Engines._fields


def fastsim_arrays(hidden: int, deposit: int, particles: str = PARTICLES[0]) -> dict[str, Numbers]:
    """What each array must be, by name: those of the networks, and what the task keeps besides."""
    if particles not in PARTICLES:
        raise ValueError(f"particles are {' or '.join(PARTICLES)}, not {particles!r}")
    shapes = sizes(hidden, deposit, particles == "pions")
    energies, ranges = (shapes.pop(name) for name in OWN)
    own = {"energies": Numbers(energies, low=0.0, infinite=True), "ranges": Numbers(ranges)}
    network = {name: Numbers(shape) for name, shape in shapes.items()}
    for name in ("total.most", "layer.most"):  # what is drawn is cut here: memory depends on it
        network[name] = Numbers(shapes[name], high=MOST)
    return named("network", network) | own
