"""The names of all tasks, told without loading any of them: what `--help` can afford."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

ENTRY_POINTS = "gnnreco.tasks"
#: The tasks of gnnreco itself.
OURS = ("tracking", "clustering", "drift", "particleflow", "trigger", "fastsim", "anomaly")


#: What each of them is for, in a few words.
PURPOSES = {
    "tracking": "tracks from hits that have positions",
    "clustering": "showers from the cells of a calorimeter, or clusters of charge",
    "drift": "tracks from the samples of a drift chamber",
    "particleflow": "particles from tracks and clusters",
    "trigger": "a small network for firmware: jets, regions, pairs of hits, towers or whole events",
    "fastsim": "a network that makes showers for the simulation",
    "anomaly": "how strange an event or a jet is",
}


@cache
def announced() -> dict[str, EntryPoint]:
    """Tasks of other packages by name; one cannot take the name of ours."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in OURS}


def known_names() -> list[str]:
    """Names of all tasks, ours first."""
    return [*OURS, *sorted(announced())]
