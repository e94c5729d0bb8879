"""What the learned arrays of a fast simulation must be; known without torch."""

from __future__ import annotations

from gnnreco.models.state import Numbers, named
from gnnreco.simulate.showers.learned.weights import OWN, sizes


def fastsim_arrays(hidden: int, deposit: int) -> dict[str, Numbers]:
    """What each array must be, by name: those of the networks, and what the task keeps besides."""
    shapes = sizes(hidden, deposit)
    energies, ranges = (shapes.pop(name) for name in OWN)
    own = {"energies": Numbers(energies, low=0.0, infinite=True), "ranges": Numbers(ranges)}
    return named("network", {name: Numbers(shape) for name, shape in shapes.items()}) | own
