"""The tasks there are: those of gnnreco, and those that other packages announce by the entry point ``gnnreco.tasks``.

A package announces a task by a `Kind`, under the task's name::

    [project.entry-points."gnnreco.tasks"]
    counting = "my_package:COUNTING"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from gnnreco.columns import Anomalies, Clusters, ReconstructedParticles, Tracks
from gnnreco.errors import BadConfig
from gnnreco.files.json_types import JsonMapping
from gnnreco.schema import build, nearest

from .contract import AnyTask, Needs
from .names import ENTRY_POINTS, announced

if TYPE_CHECKING:
    from gnnreco.events.output_file import Layout

#: A task's class, and that of its settings: a dataclass.
Classes = tuple[type[AnyTask], type[object]]


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
    chosen : callable, optional
        What it reads with some settings, plain ones as a bundle has them, where these decide it.
    """

    needs: Needs
    gives: type
    load: Callable[[], Classes]
    layout: Layout | None = None
    chosen: Callable[[JsonMapping], Needs] | None = None

    def needs_with(self, settings: JsonMapping) -> Needs:
        """What it reads of an event with some settings; raises `BadConfig` where they are none of its."""
        return self.needs if self.chosen is None else self.chosen(settings)


def _tracking() -> Classes:
    from gnnreco.tasks.tracking import TrackingConfig, TrackingTask

    return TrackingTask, TrackingConfig


def _clustering() -> Classes:
    from gnnreco.tasks.showers import ClusteringConfig, ClusteringTask

    return ClusteringTask, ClusteringConfig


def _drift() -> Classes:
    from gnnreco.tasks.drift import DriftConfig, DriftTask

    return DriftTask, DriftConfig


def _particleflow() -> Classes:
    from gnnreco.tasks.particleflow import ParticleFlowConfig, ParticleFlowTask

    return ParticleFlowTask, ParticleFlowConfig


def _trigger() -> Classes:
    from gnnreco.tasks.trigger import TriggerConfig, TriggerTask

    return TriggerTask, TriggerConfig


def _fastsim() -> Classes:
    from gnnreco.tasks.fastsim import FastSimConfig, FastSimTask

    return FastSimTask, FastSimConfig


def _anomaly() -> Classes:
    from gnnreco.tasks.anomaly import AnomalyConfig, AnomalyTask

    return AnomalyTask, AnomalyConfig


def _anomaly_needs(settings: JsonMapping) -> Needs:
    from gnnreco.tasks.anomaly import AnomalyConfig

    return build(AnomalyConfig, settings).needs


#: Those of gnnreco itself: `gnnreco.tasks.names.OURS`.
TASKS: dict[str, Kind] = {
    "tracking": Kind(Needs(("position",)), Tracks, _tracking),
    "clustering": Kind(Needs(("energy", "charge")), Clusters, _clustering),
    "drift": Kind(Needs(("charge",)), Tracks, _drift),
    "particleflow": Kind(
        Needs(("energy", "position"), (Tracks, Clusters)), ReconstructedParticles, _particleflow
    ),
    "trigger": Kind(Needs(), type(None), _trigger),
    "fastsim": Kind(Needs(("energy",)), type(None), _fastsim),
    "anomaly": Kind(Needs(("position", "energy")), Anomalies, _anomaly, chosen=_anomaly_needs),
}


def task_names() -> list[str]:
    """Names of all tasks, ours first."""
    return [*TASKS, *sorted(announced())]


def find_task(name: str) -> Kind:
    """The task of a name.

    Raises
    ------
    BadConfig
        If there is none, with the nearest spelling; or the package that announces it does not give it.
    """
    if name in TASKS:
        return TASKS[name]
    if name in announced():
        return _announced(name)
    raise BadConfig(f"unknown task '{name}'{nearest(name, task_names())}")


@cache
def _announced(name: str) -> Kind:
    """A task of another package, which is loaded only where it is asked for."""
    point = announced()[name]
    where = f"entry point {point.value} of group {ENTRY_POINTS}"
    try:
        kind = point.load()
    except (ImportError, AttributeError) as error:
        raise BadConfig(f"the task '{name}' ({where}) cannot be loaded: {error}") from error
    if not isinstance(kind, Kind):
        raise BadConfig(f"the task '{name}' ({where}) is no gnnreco.tasks.registry.Kind")
    return kind
