"""A dataset of torch_geometric over event files; nothing is read before it is asked for, and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torch_geometric.data import Dataset
from torch_geometric.data.data import BaseData

from gnnreco.columns import Clusters, Tracks
from gnnreco.errors import BadConfig
from gnnreco.evaluate.join import Join
from gnnreco.events import open_events
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.tracks_file import read_tracks
from gnnreco.files.json_file import read_json
from gnnreco.geometry import load_detector
from gnnreco.pyg.data import to_data, to_hetero
from gnnreco.pyg.graphs import tasks_of

from .graphs import Bundles


class EventDataset(Dataset):  # type: ignore[misc]
    """Graphs of the events of files, one an event, made when asked for: ``list(dataset)`` keeps those that fit in memory.

    Parameters
    ----------
    inputs : path, glob or several
        Anything that `gnnreco.events.open_events` reads.
    detector : name or path
    bundles : name, path, task, or several, optional
        What builds the graphs: see `gnnreco.pyg.to_data`. Without `hetero` the first of them.
    hetero : bool
        ``HeteroData`` rather than ``Data``.
    output : path, optional
        Folder that `gnnreco reconstruct` wrote of these events: its tracks and clusters become nodes; needs `hetero`.
    transform : callable, optional
        As torch_geometric takes it.

    Raises
    ------
    BadInput, BadGeometry, BadBundle
        If one of these cannot be read; while reading, for a damaged event.
    BadConfig
        For an `output` without `hetero`.

    Examples
    --------
    >>> from torch_geometric.loader import DataLoader  # doctest: +SKIP
    >>> for batch in DataLoader(EventDataset("events", "telescope"), batch_size=8): ...  # doctest: +SKIP
    """

    def __init__(
        self,
        inputs: str | Path | Sequence[str | Path],
        detector: str | Path,
        bundles: Bundles = None,
        hetero: bool = False,
        output: str | Path | None = None,
        transform: Callable[[BaseData], BaseData] | None = None,
    ) -> None:
        if output is not None and not hetero:
            raise BadConfig(
                "tracks and clusters are nodes of their own: set hetero=True to have those of an output"
            )
        super().__init__(transform=transform)
        self.detector = load_detector(detector)
        self.tasks = tasks_of(self.detector, bundles)
        self.hetero = hetero
        several = [inputs] if isinstance(inputs, str | Path) else list(inputs)
        self.source = open_events(several, self.detector)
        self._outputs = [] if output is None else list(self._read(Path(output)))

    def len(self) -> int:
        """Number of events."""
        return len(self.source)

    def get(self, idx: int) -> BaseData:
        """The graph of the event in row `idx` of ``source``."""
        event = self.source[idx]
        if not self.hetero:
            return to_data(event, self.detector, self.tasks[0])
        found = [join.place(rows[idx], event, idx) for join, rows in self._outputs if idx in rows]
        return to_hetero(event, self.detector, self.tasks, found)

    def _read(self, folder: Path) -> Iterator[tuple[Join, dict[int, Tracks | Clusters]]]:
        """What each task found, by the row of the event."""
        manifest = read_json(folder / "manifest.json")
        places = (
            {folder / task: one for task, one in manifest["tasks"].items()} if "tasks" in manifest else {}
        )
        for place, one in (places or {folder: manifest}).items():
            join = Join(self.source, one, place)
            read = read_clusters if one["task"] == "clustering" else read_tracks
            yield join, {join.row_of(number, origin): found for number, origin, found in read(place)}
