"""Your own network of torch_geometric in gnnreco: train it on our graphs, export it as ONNX, reconstruct with it.

    python examples/pyg_scorer.py WORK

Simulates events of the beam telescope into WORK, trains a GATv2 (arXiv:2105.14491) on the graphs that the bundle
`tracking-telescope` builds of them, writes WORK/scorer.onnx and types `gnnreco reconstruct --scorer` on events that the
training did not see. Any other detector and network go the same way. Needs `pip install 'gnnreco[pyg]'`.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv

from gnnreco.bundle.edge_scorer import EdgeScorer
from gnnreco.cli import main as gnnreco
from gnnreco.pyg import EventDataset

DETECTOR, BUNDLE = "telescope", "tracking-telescope"
PARTICLES = ["--process", "beam", "--particle", "electron", "--energy", "2", "6", "--count", "6"]
EPOCHS, HIDDEN, HEADS = 12, 16, 2


class Scorer(nn.Module):
    """Attention between doublets, then a logit for each triplet from both of its doublets and its own features."""

    def __init__(self, node_features: int, edge_features: int) -> None:
        super().__init__()
        wide = HIDDEN * HEADS
        # Self-loops would change the edges, which we want to score as they are.
        self.first = GATv2Conv(
            node_features, HIDDEN, HEADS, edge_dim=edge_features, add_self_loops=False, residual=True
        )
        self.second = GATv2Conv(
            wide, HIDDEN, HEADS, edge_dim=edge_features, add_self_loops=False, residual=True
        )
        self.edge = nn.Sequential(nn.Linear(2 * wide + edge_features, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, edge_index, edge_attr):
        h = self.first(x, edge_index, edge_attr).relu()
        h = self.second(h, edge_index, edge_attr).relu()
        return self.edge(torch.cat([h[edge_index[0]], h[edge_index[1]], edge_attr], dim=1))[:, 0]


def train(events: Path) -> Scorer:
    """A scorer that has seen each event so many times."""
    torch.manual_seed(0)
    graphs = list(EventDataset(events, DETECTOR, BUNDLE))  # a small sample: its graphs fit in memory
    model = Scorer(graphs[0].num_node_features, graphs[0].num_edge_features)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in DataLoader(graphs, batch_size=10, shuffle=True):
            logits = model(batch.x, batch.edge_index, batch.edge_attr)
            loss = nn.functional.binary_cross_entropy_with_logits(logits, batch.y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * batch.num_graphs
        print(f"epoch {epoch + 1}: loss {total / len(graphs):.4f}")
    return model.eval()


def export(model: Scorer, graph, file: Path) -> None:
    """The scorer as one file of ONNX with the names that gnnreco expects, for graphs of any size."""
    nodes, edges = torch.export.Dim("nodes"), torch.export.Dim("edges")
    torch.onnx.export(
        model,
        (graph.x, graph.edge_index, graph.edge_attr),
        file,
        input_names=["x", "edge_index", "edge_attr"],
        output_names=["edge_logits"],
        dynamic_shapes={"x": {0: nodes}, "edge_index": {1: edges}, "edge_attr": {0: edges}},
        external_data=False,
        verbose=False,
    )


def check(model: Scorer, graphs: EventDataset, file: Path) -> None:
    """Raise `AssertionError` unless the file gives every graph the logits of the model, whatever its size."""
    scorer = EdgeScorer(file, "tracking")
    for graph in graphs:
        with torch.inference_mode():
            wanted = model(graph.x, graph.edge_index, graph.edge_attr)
        got = scorer.logits(graph.x.numpy(), graph.edge_attr.numpy(), graph.edge_index.numpy().T)
        torch.testing.assert_close(torch.from_numpy(got), wanted, rtol=1e-3, atol=1e-3)


def main(work: Path) -> dict:
    """Every step; returns the scores of the tracks that were found."""
    for name, number, seed in (("train", 100, 1), ("test", 30, 2)):
        gnnreco(
            [
                "simulate",
                "--detector",
                DETECTOR,
                *PARTICLES,
                "--events",
                str(number),
                "--seed",
                str(seed),
                "-o",
                str(work / name),
            ]
        )
    model = train(work / "train")
    export(model, EventDataset(work / "train", DETECTOR, BUNDLE)[0], work / "scorer.onnx")
    check(model, EventDataset(work / "test", DETECTOR, BUNDLE), work / "scorer.onnx")
    gnnreco(
        [
            "reconstruct",
            str(work / "test"),
            "--detector",
            DETECTOR,
            "--bundle",
            BUNDLE,
            "--scorer",
            str(work / "scorer.onnx"),
            "-o",
            str(work / "tracks"),
        ]
    )
    gnnreco(
        ["evaluate", str(work / "tracks"), "--truth", str(work / "test"), "--json", str(work / "scores.json")]
    )
    return json.loads((work / "scores.json").read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
