"""The tasks there are, as the rest of the program knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gnnreco.columns import Clusters, Tracks


@dataclass(frozen=True, slots=True)
class Kind:
    """A task as the rest of the program knows it; its class is imported where it is built, since some load torch.

    Attributes
    ----------
    measures : tuple of str
        It works on the hits of subsystems that measure one of these.
    gives : type
        Columns that it reconstructs.
    load : callable
        Returns its class and that of its settings.
    """

    measures: tuple[str, ...]
    gives: type
    load: Callable[[], tuple[Any, Any]]


def _tracking() -> tuple[Any, Any]:
    from gnnreco.tasks.tracking.task import TrackingConfig, TrackingTask

    return TrackingTask, TrackingConfig


def _clustering() -> tuple[Any, Any]:
    from gnnreco.tasks.showers.task import ClusteringConfig, ClusteringTask

    return ClusteringTask, ClusteringConfig


def _drift() -> tuple[Any, Any]:
    from gnnreco.tasks.drift.task import DriftConfig, DriftTask

    return DriftTask, DriftConfig


def _trigger() -> tuple[Any, Any]:
    from gnnreco.tasks.trigger.task import TriggerConfig, TriggerTask

    return TriggerTask, TriggerConfig


TASKS: dict[str, Kind] = {
    "tracking": Kind(("position",), Tracks, _tracking),
    "clustering": Kind(("energy", "charge"), Clusters, _clustering),
    "drift": Kind(("charge",), Tracks, _drift),
    "trigger": Kind((), type(None), _trigger),
}
