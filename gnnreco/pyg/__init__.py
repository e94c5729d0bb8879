"""For people with a model of their own in torch_geometric: our graphs of any detector as its data, and its neighbours."""

from gnnreco.pyg.neighbours import knn_graph, radius_graph

__all__ = ["knn_graph", "radius_graph"]
