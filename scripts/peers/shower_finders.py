"""Every way to find showers, on the same cells, scored by the same evaluator; and how each was tuned.

    python scripts/peers/shower_finders.py [--scan FINDER ...] [--events 4] [--json FILE]

Without --scan it scores every finder, with the settings in `shower_settings.py`, on the tuning samples. With it, it goes
through the values of its grid one setting after the other, twice, and keeps what gives the largest sum of efficiency and purity
(E > 2 GeV) over 10 and 50 showers of photons, and of photons and charged pions, in hgcal; then it fits the response. Test
events have other seeds.

The peers: CLUE and CLUE3D (`clue_showers.py`), DBSCAN and HDBSCAN (scikit-learn; Ester et al. 1996, Campello et al. 2013) on
points in Moliere radii and layers, anti-kt (fastjet; arXiv 0802.1189) on cells as massless particles, connected components of
our own graph, and our own density peaks without training.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from clue_showers import LayerConfig, LinkConfig, VolumeConfig, clue_linked, clue_volume
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from shower_cells import Calorimeter, Cells
from shower_samples import KINDS, SHOWERS, TUNE, crowded
from shower_settings import GRID, RESPONSE, TUNED

from gnnreco.columns import Clusters, Event, Ints
from gnnreco.evaluate import ShowerTarget, score_clusters
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import build_cell_graph
from gnnreco.tasks.showers.density import DensityConfig, density_clusters

TARGET = ShowerTarget(min_energy=2.0)
Settings = dict[str, Any]
Labels = Callable[[Event, Cells, Calorimeter, Settings], Ints]


def clue3d(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """Layer clusters, linked."""
    layer = LayerConfig(*(chosen[name] for name in ("reach", "cells", "density", "separation", "outlier")))
    link = {name.removeprefix("link_"): value for name, value in chosen.items() if name.startswith("link_")}
    return clue_linked(cells, calorimeter, layer, LinkConfig(**link))


def clue(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """All layers at once."""
    return clue_volume(cells, calorimeter, VolumeConfig(**chosen))


def dbscan(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """Cells weigh as much as their energy in minimum-ionising particles."""
    from sklearn.cluster import DBSCAN

    finder = DBSCAN(eps=chosen["eps"], min_samples=chosen["weight"])
    points = calorimeter.scaled(cells, chosen["layer_step"])
    keep = np.flatnonzero(cells.graph.energy > chosen["threshold"] * cells.graph.mip)
    label = np.full(len(cells), -1, np.int64)
    weight = (cells.graph.energy / cells.graph.mip)[keep]
    if len(keep):
        label[keep] = finder.fit_predict(points[keep], sample_weight=weight)
    return label


def hdbscan(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """Hierarchical; knows no energies, so that a threshold on them is its own.

    Without `cluster_selection_epsilon`: that of scikit-learn 1.9.1 raises TypeError with numpy 2.4 where the root is reached.
    """
    from sklearn.cluster import HDBSCAN

    keep = np.flatnonzero(cells.graph.energy > chosen["threshold"] * cells.graph.mip)
    label = np.full(len(cells), -1, np.int64)
    size = {name: chosen[name] for name in ("min_cluster_size", "min_samples")}
    if len(keep) > max(size.values()):
        points = calorimeter.scaled(cells, chosen["layer_step"])[keep]
        finder = HDBSCAN(**size, copy=True)
        label[keep] = finder.fit_predict(points)
    return label


def anti_kt(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """Jets of cells."""
    import awkward
    import fastjet

    graph = cells.graph
    keep = np.flatnonzero(graph.energy > chosen["threshold"] * graph.mip)
    label = np.full(len(cells), -1, np.int64)
    if not len(keep):
        return label
    energy, way = graph.energy[keep], graph.direction[keep]
    momentum = dict(zip(("px", "py", "pz"), (energy[:, None] * way).T, strict=True))
    particles = awkward.zip({**{name: np.ascontiguousarray(p) for name, p in momentum.items()}, "E": energy})
    jets = fastjet.ClusterSequence(
        particles, fastjet.JetDefinition(fastjet.antikt_algorithm, chosen["radius"])
    )
    members = jets.constituent_index(min_pt=0.0)
    label[keep[awkward.to_numpy(awkward.flatten(members))]] = np.repeat(
        np.arange(len(members)), awkward.to_numpy(awkward.num(members))
    )
    return label


def components(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """What hangs together in our graph with shorter edges and a higher threshold."""
    config = replace(calorimeter.config, reach=chosen["reach"], threshold=chosen["threshold"])
    graph = build_cell_graph(config, calorimeter.detector, calorimeter.frame, event)
    n = len(graph)
    links = csr_array((np.ones(len(graph.neighbour), np.int8), graph.neighbour, graph.offsets), shape=(n, n))
    piece = connected_components(links, directed=False)[1]
    label = np.full(len(cells), -1, np.int64)
    label[np.searchsorted(cells.graph.index, graph.index)] = piece
    return label


def density(event: Event, cells: Cells, calorimeter: Calorimeter, chosen: Settings) -> Ints:
    """What ships as `clusters-density`."""
    graph = build_cell_graph(calorimeter.config, calorimeter.detector, calorimeter.frame, event)
    charge = calorimeter.frame.charge[graph.sensor]
    return density_clusters(graph, charge, DensityConfig(**chosen)).cluster


FINDERS: dict[str, Labels] = {
    "CLUE + CLUE3D": clue3d,
    "CLUE, 3D": clue,
    "DBSCAN": dbscan,
    "HDBSCAN": hdbscan,
    "anti-kt": anti_kt,
    "connected components": components,
    "clusters-density": density,
}


def find(
    name: str, event: Event, calorimeter: Calorimeter, kind: str = "", settings: Settings | None = None
) -> Clusters:
    """Hits in, showers out, by one finder; `kind` tells which response its energies are divided by."""
    cells = calorimeter.cells(event)
    label = FINDERS[name](event, cells, calorimeter, TUNED[name] if settings is None else settings)
    return calorimeter.clusters(cells, label, RESPONSE[name].get(kind, 1.0))


def tuning_events(detector: Detector, count: int) -> dict[str, list[Event]]:
    """Events of each tuning sample: `count` of the densest, and as many showers of the others."""
    return {
        f"{kind} {showers}": list(
            crowded(kind, showers).events(detector, count * max(1, 40 // showers), TUNE)
        )
        for kind in KINDS
        for showers in SHOWERS
    }


def scores(
    name: str, samples: dict[str, list[Event]], calorimeter: Calorimeter, settings: Settings
) -> dict[str, Any]:
    """The evaluator's figures on each sample, uncalibrated."""
    return {
        key: score_clusters(
            ((event, find(name, event, calorimeter, settings=settings)) for event in events),
            calorimeter.detector,
            TARGET,
        )
        for key, events in samples.items()
    }


def merit(figures: dict[str, Any]) -> float:
    """Sum of efficiency and purity over the samples."""
    return float(sum((one["efficiency"] or 0.0) + (one["purity"] or 0.0) for one in figures.values()))


def scan(name: str, samples: dict[str, list[Event]], calorimeter: Calorimeter) -> Settings:
    """One setting after the other, twice over, from the settings that are in `shower_settings.py`."""
    best = dict(TUNED[name])
    top = merit(scores(name, samples, calorimeter, best))
    for _ in range(2):
        before = dict(best)
        for key, values in GRID.get(name, {}).items():
            for value in values:
                if value == best[key]:
                    continue
                trial = {**best, key: value}
                got = merit(scores(name, samples, calorimeter, trial))
                if got > top + 1e-9:
                    best, top = trial, got
            print(f"... {name}: {key} = {best[key]:g}, sum {top:.3f}", file=sys.stderr, flush=True)
        if best == before:
            break
    return best


def response(figures: dict[str, Any], kind: str) -> float:
    """Mean response of the found showers over the samples of a kind."""
    mine = [one for key, one in figures.items() if key.split()[0] == kind and one["energy_response_mean"]]
    return float(np.mean([one["energy_response_mean"] for one in mine])) if mine else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scan", nargs="*", default=[], metavar="FINDER", help="tune these; 'all' tunes every one"
    )
    parser.add_argument("--only", nargs="*", metavar="FINDER", help="score these only")
    parser.add_argument(
        "--events", type=int, default=4, help="of 50 showers in each sample; four times as many of 10"
    )
    parser.add_argument("--detector", default="hgcal")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    calorimeter = Calorimeter.of(load_detector(asked.detector))
    samples = tuning_events(calorimeter.detector, asked.events)
    tuned = list(FINDERS) if asked.scan == ["all"] else asked.scan
    result = {}
    for name in asked.only or tuned or FINDERS:
        begin = time.perf_counter()
        settings = scan(name, samples, calorimeter) if name in tuned else TUNED[name]
        figures = scores(name, samples, calorimeter, settings)
        responses = {kind: round(response(figures, kind), 3) for kind in KINDS}
        result[name] = {"settings": settings, "response": responses, "merit": merit(figures)}
        print(
            f"{name}: {settings}, response {responses}, sum {merit(figures):.3f}, {time.perf_counter() - begin:.0f} s"
        )
        for key, one in figures.items():
            rates = ", ".join(
                f"{what} {100 * (one[what] or 0):.1f} %" for what in ("efficiency", "purity", "split_rate")
            )
            print(f"    {key:12} {rates}", flush=True)
        if asked.json:
            asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
