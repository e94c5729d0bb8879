"""For people with a model of their own in torch_geometric: our graphs of any detector as its data, and its neighbours.

`to_data` and `to_hetero` turn an event into a graph, `EventDataset` the events of files, `knn_graph` and `radius_graph` join
points. A trained scorer comes back as ONNX: ``gnnreco reconstruct --scorer``, see `gnnreco.bundle.edge_scorer`.
"""

from typing import TYPE_CHECKING, Any

from gnnreco.pyg.data import to_data, to_hetero
from gnnreco.pyg.neighbours import knn_graph, radius_graph

if TYPE_CHECKING:
    from gnnreco.pyg.dataset import EventDataset

__all__ = ["EventDataset", "knn_graph", "radius_graph", "to_data", "to_hetero"]


def __getattr__(name: str) -> Any:
    if name != "EventDataset":  # a class of torch_geometric, which the rest needs only when it is called
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gnnreco.pyg.data import geometric

    geometric()
    from gnnreco.pyg.dataset import EventDataset

    return EventDataset
