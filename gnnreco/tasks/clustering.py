"""Clustering: hits of calorimeters to showers, and of drift chambers to pieces of charge, in any detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event
from gnnreco.geometry import Detector
from gnnreco.graphs.cell_frame import CellFrame
from gnnreco.graphs.cells import CellGraph, CellGraphConfig, build_cell_graph, hit_cells
from gnnreco.tasks.clustering_columns import ErrorConfig, clusters_of
from gnnreco.tasks.clustering_density import DensityConfig, density_clusters


@dataclass(frozen=True)
class ClusteringConfig:
    """Everything that defines a clustering model but its learned numbers."""

    graph: CellGraphConfig = field(default_factory=CellGraphConfig)
    density: DensityConfig = field(default_factory=DensityConfig)
    error: ErrorConfig = field(default_factory=ErrorConfig)


class ClusteringTask:
    """Graph of cells and decoding, for one detector."""

    name = "clustering"
    measures = ("energy", "charge")
    gives = Clusters

    def __init__(self, config: ClusteringConfig, detector: Detector) -> None:
        self.config, self.detector = config, detector
        self.frame = CellFrame.of(detector)

    @classmethod
    def from_config(cls, config: ClusteringConfig, detector: Detector) -> ClusteringTask:
        """A task that has learned nothing yet."""
        return cls(config, detector)

    def graph(self, event: Event) -> CellGraph:
        """Cells over threshold and the pairs of them that lie close. Raises `OverBudget` if they are too many."""
        return build_cell_graph(self.config.graph, self.detector, self.frame, event)

    def reconstruct(self, event: Event) -> Clusters:
        """Clusters of one event."""
        graph = self.graph(event)
        labels = density_clusters(graph, self.frame.charge[graph.sensor], self.config.density)
        cell = np.flatnonzero(labels.cluster >= 0)
        whole = np.ones(len(cell))
        return clusters_of(
            *(graph, cell, labels.cluster[cell], whole, labels.score),
            *(self.detector, self.frame, self.config.error),
        )

    def tally(self, event: Event, clusters: Clusters) -> dict[str, int]:
        """What became of the hits: how many lie in no cell, are not above zero, or belong to no cluster."""
        hits = event.hits
        mine = np.append(self.frame.group, -1)[hits.sensor] >= 0
        nowhere = mine & (hit_cells(self.detector, hits) < 0)
        dead = mine & ~nowhere & ~(hits.energy > 0) if hits.energy is not None else nowhere
        loose = mine & ~nowhere & ~dead
        loose[clusters.hit_index] = False
        counts = {"hits_without_cell": nowhere, "hits_not_positive": dead, "hits_unclustered": loose}
        return {name: int(np.count_nonzero(rows)) for name, rows in counts.items()}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        return {}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        if state:
            raise ValueError(f"knows no weight '{next(iter(state))}'")
