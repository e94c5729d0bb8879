"""The tasks there are: those of gnnreco, and those that other packages announce by the entry point ``gnnreco.tasks``.

A package announces a task by a `Kind`, under the task's name::

    [project.entry-points."gnnreco.tasks"]
    counting = "my_package:COUNTING"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from gnnreco.columns import Clusters, Tracks
from gnnreco.errors import BadConfig
from gnnreco.schema import nearest

from .contract import Needs

if TYPE_CHECKING:
    from gnnreco.events.output_file import Layout

ENTRY_POINTS = "gnnreco.tasks"


@dataclass(frozen=True, slots=True)
class Kind:
    """A task as the rest of the program knows it; its class is imported where it is built, since some load torch.

    Attributes
    ----------
    needs : Needs
        What it reads of an event.
    gives : type
        Columns that it reconstructs.
    load : callable
        Returns its class and that of its settings.
    layout : Layout, optional
        How what it gives lies in files; tracks and clusters have theirs.
    """

    needs: Needs
    gives: type
    load: Callable[[], tuple[Any, Any]]
    layout: Layout | None = None


def _tracking() -> tuple[Any, Any]:
    from gnnreco.tasks.tracking import TrackingConfig, TrackingTask

    return TrackingTask, TrackingConfig


def _clustering() -> tuple[Any, Any]:
    from gnnreco.tasks.showers import ClusteringConfig, ClusteringTask

    return ClusteringTask, ClusteringConfig


def _drift() -> tuple[Any, Any]:
    from gnnreco.tasks.drift import DriftConfig, DriftTask

    return DriftTask, DriftConfig


def _trigger() -> tuple[Any, Any]:
    from gnnreco.tasks.trigger import TriggerConfig, TriggerTask

    return TriggerTask, TriggerConfig


#: Those of gnnreco itself.
TASKS: dict[str, Kind] = {
    "tracking": Kind(Needs(("position",)), Tracks, _tracking),
    "clustering": Kind(Needs(("energy", "charge")), Clusters, _clustering),
    "drift": Kind(Needs(("charge",)), Tracks, _drift),
    "trigger": Kind(Needs(), type(None), _trigger),
}


@cache
def _announced() -> dict[str, Kind]:
    """Tasks of other packages; one cannot take the name of ours."""
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}


def task_names() -> list[str]:
    """Names of all tasks, ours first."""
    return list({**TASKS, **_announced()})


def find_task(name: str) -> Kind:
    """The task of a name.

    Raises
    ------
    BadConfig
        If there is none, with the nearest spelling.
    """
    if name in TASKS:
        return TASKS[name]
    if name in _announced():
        return _announced()[name]
    raise BadConfig(f"unknown task '{name}'{nearest(name, task_names())}")
