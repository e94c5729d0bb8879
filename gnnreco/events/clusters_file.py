"""Found clusters on disk: how `Clusters` lie in the files of `gnnreco.events.output_file`.

The columns are ``event, source, cluster_id, hit_index, hit_id, hit_weight, energy_gev, energy_sigma_gev, x_mm, y_mm, z_mm,
axis, class_probability, score``; ``axis`` has 3 numbers a cluster, ``class_probability`` one for each of `CLUSTER_CLASSES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gnnreco.columns import CLUSTER_CLASSES, Clusters
from gnnreco.files.json_types import JsonMapping

from .output_file import Layout, read_output, write_output

Row = tuple[int, str, Clusters]
NUMBERS = {  # column in the file: attribute of Clusters
    "energy_gev": "energy",
    "energy_sigma_gev": "energy_sigma",
    "x_mm": "x",
    "y_mm": "y",
    "z_mm": "z",
    "score": "score",
}
VECTORS = {"axis": ("axis", 3), "class_probability": ("class_probability", len(CLUSTER_CLASSES))}
ORDER = (*list(NUMBERS)[:-1], *VECTORS, "score")
CLUSTERS = Layout(
    "clusters", Clusters, "cluster_id", False, ("hit_index", "hit_id", "hit_weight"), NUMBERS, VECTORS, ORDER
)


def write_clusters(path: str | Path, rows: Iterable[Row], note: JsonMapping | None = None) -> None:
    """Write the clusters of events to one file; see `write_output`."""
    write_output(CLUSTERS, path, rows, note)


def read_clusters(path: str | Path) -> Iterator[Row]:
    """Read the clusters that `gnnreco reconstruct` wrote, one event after the other.

    Parameters
    ----------
    path : path
        The folder of the output, or one of its files (Parquet or ROOT).

    Yields
    ------
    (int, str, Clusters)
        Number and source of an event, and its clusters: `gnnreco.Clusters`, one row each, in mm and GeV.

    Raises
    ------
    BadInput
        If there is no such file, one is not what the manifest says or is damaged, or a column is missing.

    Examples
    --------
    >>> for number, source, clusters in read_clusters("showers"):  # doctest: +SKIP
    ...     print(number, source, len(clusters))
    """
    return read_output(CLUSTERS, path)
