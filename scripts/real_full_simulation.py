"""Showers in calorimeter hits of other people's full simulations.

    python scripts/real_full_simulation.py --ntuple particle_gun_ntuple.root [--features np_0_feat_0.npy ...]
        [--detector hgcal] [--bundle clusters-density] [--least 1] [--json FILE]
    python scripts/real_full_simulation.py --files odd:sim.edm4hep.root sid.slcio ... [--bundle showers-any] [--least 1] [--json FILE]

`--files` takes what gnnreco reads as it is (EDM4hep, LCIO), after the detector of ours that it was made with: the calorimeter hits are
reconstructed as `gnnreco reconstruct` does. A file without a detector is clustered as `gnnreco explore` does, from the hits alone.
The targets are the generated particles over `--least` GeV that left, with all that comes of them, a tenth of their energy (a muon less)
in three hits or more. A cluster is matched that shares half of its energy and half of the target's with it, and counts from half of
`--least`. The response is to the energy of the particle. Where there is no detector, energies are those of the active parts, a two
hundredth counts as the whole, and the response is to what the particle left.

The other options are for the CMS full simulation of the HGCAL, in our detector, at real occupancy.

The ntuple (tklijnsma/hgcal_ldrd) holds two events of one muon of 35 GeV a side and the noise of both endcaps, with the
simulated clusters as truth. The features (cms-pepr/HGCalML) hold hits of events with pile-up and no truth, so they give
the time and how much energy is found. Both were made with older versions of the geometry (28 + 24 and 28 + 22
layers), so hits are carried along their way from the origin onto the layer of the detector that lies as deep among
those of its section, and take the cell that is there. Energies of the files are calibrated (what was left in the
layer, absorber included); ours are what the sensor sees, so they are multiplied by its sampling fraction, and the
reconstruction, which divides by it, sees the energies of the files.

`likely` are the clusters with a score of at least one half, which is what a calibrated bundle holds for particles.
A muon leaves only a part of its energy: the response is to what it left (the energy of its hits), in brackets to 35 GeV.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle import load_bundle, load_task
from gnnreco.cli.table import show
from gnnreco.columns import Clusters, Event, Floats, Hits
from gnnreco.evaluate.clustering import true_energy
from gnnreco.evaluate.sharing import share
from gnnreco.events import open_events
from gnnreco.events.select import seen, select_hits
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import hit_cells, visible_fraction
from gnnreco.graphs.showers.free_cells import collection_of, with_energy
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.explore import explore

FRONT = 28  # layers of the electromagnetic section in both files
SPLIT = 3660.0  # mm: where the hadronic section of our detector begins
LIKELY = 0.5
MUON, LEFT = 13, 0.1
VISIBLE = 0.005  # of a shower's energy is seen, at least, where nobody tells the sampling fraction
NEXT_LAYER = 5.0  # mm: what is closer in z is one layer, silicon and scintillator


def layers_of(z: Floats) -> NDArray[np.int64]:
    """Number (n,) from 0 of the layer of each hit, by its distance from the middle of the detector."""
    places = np.unique(np.abs(z).round(1))
    number = np.cumsum(np.diff(places, prepend=places[0]) > NEXT_LAYER)
    return number[np.searchsorted(places, np.abs(z).round(1))]


def carried(event: Event, detector: Detector) -> tuple[Event, Floats]:
    """The event with its hits in the cells of the detector, energies visible; and the sampling fraction of each hit."""
    xyz = event.hits.xyz
    layer = layers_of(xyz[:, 2])
    ours = np.unique(np.abs(detector.center[:, 2]).round(1))
    ours = ours[np.append(True, np.diff(ours) > NEXT_LAYER)]
    place = np.empty(len(xyz))
    for there, here in ((layer < FRONT, ours[ours < SPLIT]), (layer >= FRONT, ours[ours >= SPLIT])):
        first = layer[there].min(initial=layer.max())
        share_of = (layer[there] - first + 0.5) / (layer[there].max(initial=first) - first + 1)
        place[there] = here[(share_of * len(here)).astype(np.int64)]
    xyz = xyz * (place / np.abs(xyz[:, 2]))[:, None]
    sensor = detector.locate(xyz, tolerance=2.0)
    fraction = visible_fraction(detector, sensor)
    assert event.hits.energy is not None
    x, y, z = np.ascontiguousarray(xyz.T)
    hits = replace(event.hits, x=x, y=y, z=z, sensor=sensor, energy=event.hits.energy * fraction)
    truth = event.truth
    if truth is not None and truth.energy is not None:
        truth = replace(truth, energy=truth.energy * fraction[truth.hit])
    return replace(event, hits=hits, truth=truth), fraction


def features(file: Path, number: int) -> Event:
    """The hits of a table of features: energy, eta, 0, theta, radius, x, y, z [cm], time."""
    table = np.load(file, allow_pickle=False).astype(np.float64)
    x, y, z = 10 * table[:, 5:8].T
    hits = Hits(
        np.arange(len(x)), x, y, z, np.full(len(x), -1, np.int32), time=table[:, 8], energy=table[:, 0]
    )
    return Event(number, file.name, hits)


def figures(event: Event, clusters: Clusters, fraction: Floats, least: float) -> dict[str, Any]:
    """How many simulated clusters above `least` GeV (of the particle) are found, and with which energy."""
    out: dict[str, Any] = {
        "expected": None,
        "found": None,
        "response": None,
        "to_particle": None,
        "held": None,
        "likely_found": None,
    }
    truth = event.truth
    if truth is None:
        return out
    p = truth.particles
    energy = np.sqrt(p.px**2 + p.py**2 + p.pz**2)
    sharing = share(event, clusters, fraction)
    wanted = np.flatnonzero((energy > least) & (sharing.particle_energy > 0))
    cluster = sharing.holder[wanted]
    match = (cluster >= 0) & (sharing.held[wanted] >= 0.5 * sharing.particle_energy[wanted])
    match &= np.append(sharing.main, -1)[cluster] == wanted
    ratio = np.append(clusters.energy, 0.0)[cluster][match]
    likely = np.append(clusters.score >= LIKELY, False)[cluster] & match
    return {
        "expected": len(wanted),
        "found": int(match.sum()),
        "likely_found": int(likely.sum()),
        "response": round(float(np.mean(ratio / sharing.particle_energy[wanted][match])), 3)
        if match.any()
        else None,
        "to_particle": round(float(np.mean(ratio / energy[wanted][match])), 4) if match.any() else None,
        "held": round(float(np.mean(sharing.held[wanted] / sharing.particle_energy[wanted])), 3),
    }


def of_generated(event: Event) -> Event:
    """The event with all deposits put down to the generated particles from which they come; shower particles are kept in such files."""
    truth = event.truth
    if truth is None or truth.fates is None:
        return event
    root = np.arange(len(truth.particles))
    for row in np.flatnonzero(truth.fates.parent >= 0):  # parents stand before their children
        root[row] = root[truth.fates.parent[row]]
    return replace(event, truth=replace(truth, particle=root[truth.particle]))


def calorimeters(event: Event, task: Any) -> tuple[Event, Clusters, Floats]:
    """Only the hits of calorimeters, what is found in them, and the sampling fraction of each; without a task by `explore`."""
    if task is None:
        assert event.collections is not None
        chosen = np.array(["cal" in name.lower() for name in event.collections.names])
        event = select_hits(event, with_energy(event) & chosen[collection_of(event)])
        event = replace(event, collections=None)  # parts of one calorimeter, each with its own layers
        return of_generated(event), explore(event).clusters, np.ones(len(event.hits))
    clusters, mine = task.reconstruct(event), seen(event, task.detector, ("energy",))
    clusters, event = mine.narrow(clusters, len(event.hits)), of_generated(mine.event)
    return event, clusters, visible_fraction(task.detector, event.hits.sensor)


def own_row(name: str, bundle: str, least: float) -> dict[str, Any]:
    """All events of a file ``DETECTOR:FILE`` or ``FILE``: what of its particles is found in the calorimeters."""
    where, _, file = name.rpartition(":")
    detector = load_detector(where) if where else None
    task = load_task(load_bundle(bundle), detector) if detector else None
    visible = 1.0 if task else VISIBLE
    targets, found, counted, matched, ratios, events = 0, 0, 0, 0, [np.zeros(0)], 0
    for event in open_events(Path(file), detector):
        event, clusters, fraction = calorimeters(event, task)
        assert event.truth is not None
        sharing, energy = share(event, clusters, fraction), true_energy(event.truth.particles)
        muon = np.abs(event.truth.particles.pdg) == MUON
        wanted = (energy > least) & (sharing.particle_hits >= 3)
        wanted &= muon | (sharing.particle_energy >= LEFT * visible * energy)
        match, large = sharing.matched, clusters.energy > visible * least / 2
        good = match & np.append(wanted, False)[sharing.main]
        whole = energy if task else sharing.particle_energy
        ratios.append(clusters.energy[good] / whole[sharing.main[good]])
        targets, found = targets + int(wanted.sum()), found + int(good.sum())
        counted, matched, events = (
            counted + int(large.sum()),
            matched + int((large & match).sum()),
            events + 1,
        )
    row: dict[str, Any] = {
        "file": Path(file).name,
        "finder": f"{bundle} in {where}" if where else "explore",
        "events": events,
        "targets": targets,
        "clusters": counted,
    }
    for rate, hits, of in (("efficiency", found, targets), ("purity", matched, counted)):
        row[rate] = hits / of if of else None
        row[f"{rate}_interval"] = [float(end) for end in clopper_pearson(hits, of)]
    ratio = np.concatenate(ratios)
    row |= {"response": None, "width": None}
    if len(ratio):
        low, middle, high = np.quantile(ratio, [0.16, 0.5, 0.84]).tolist()
        row |= {"response": middle, "width": (high - low) / 2 / middle}
    return row


def main() -> None:
    """Print one row an event, or a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", nargs="*", default=[], metavar="[DETECTOR:]FILE")
    parser.add_argument("--ntuple", type=Path)
    parser.add_argument("--features", type=Path, nargs="*", default=[])
    parser.add_argument("--detector", default="hgcal")
    parser.add_argument("--bundle", default="clusters-density")
    parser.add_argument("--least", type=float, default=1.0, help="GeV, of a particle that should be found")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.files:
        show([own_row(name, args.bundle, args.least) for name in args.files], args.json)
        return
    detector = load_detector(args.detector)
    task = load_task(load_bundle(args.bundle), detector)
    events = list(open_events(args.ntuple, None)) if args.ntuple else []
    events += [features(file, 100 + i) for i, file in enumerate(args.features)]
    rows = []
    for event in events:
        here, fraction = carried(event, detector)
        task.reconstruct(here)  # the first call compiles, every call finds its memory
        wall, cpu = time.perf_counter(), time.process_time()
        clusters = task.reconstruct(here)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert event.hits.energy is not None
        rows.append(
            {
                "event": event.number,
                "hits": len(event.hits),
                "in_a_cell": round(float((hit_cells(detector, here.hits) >= 0).mean()), 4),
                "energy_gev": round(float(event.hits.energy.sum()), 1),
                "clusters": len(clusters),
                "clustered_gev": round(float(clusters.energy.sum()), 1),
                "likely": int((clusters.score >= LIKELY).sum()),
                "likely_gev": round(float(clusters.energy[clusters.score >= LIKELY].sum()), 1),
                **figures(here, clusters, fraction, args.least),
                "seconds": round(wall, 3),
                "cpu": round(cpu, 3),
            }
        )
    show(rows, args.json)


if __name__ == "__main__":
    main()
