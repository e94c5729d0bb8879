"""Tracker hits of a full simulation (Geant4) of the Open Data Detector as events of gnnreco, to find tracks in.

    python scripts/odd_full_simulation.py FILE ... -o EVENTS [--seed 1]
    gnnreco reconstruct EVENTS --detector odd --bundle tracking-odd -o found
    gnnreco evaluate found --truth EVENTS

FILE is an EDM4hep file (podio TTree) with the collections of the detector's trackers, or an event of ColliderML's display
(JSON). No reader of gnnreco takes such files. The former holds crossings: where Geant4 says that a particle met a sensor, in which
direction and how much energy it left; the cells that read it out are those of our digitisation, its noise and threshold too.

The display holds hits as they were measured, without clusters; those of long strips lie in the middle of their strip, so
their error along it is that of its length. It tells no true vertex: that is taken at the median z0 of the tracks in the file,
and the momentum of a particle as its pt along the way from there to its innermost hit.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import uproot
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Ints, Particles, Truth
from gnnreco.events import write_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.particles import species_of
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.digitize import digitize
from gnnreco.simulate.transport import Crossings

PARTS = [
    f"{kind}{where}Readout" for kind in ("Pixel", "ShortStrip", "LongStrip") for where in ("Barrel", "Endcap")
]
NEAR = 0.5  # mm: a hit farther from every sensor is left out
UNMEASURED = 1e-3  # mm from the middle of a strip: its hits lie there


def event_of(
    number: int,
    source: str,
    detector: Detector,
    particles: Particles,
    hits: tuple[Floats, Floats, Floats, Floats, Ints],
    seed: int,
) -> Event:
    """Read out crossings: positions and directions (n, 3), energies (GeV) and times (ns), and rows of their particles."""
    xyz, direction, energy, time, owner = hits
    sensor = located(detector, xyz)
    keep = sensor >= 0
    sensor, owner = sensor[keep], owner[keep]
    at = detector.to_local(sensor, xyz[keep])
    along = np.einsum("nji,nj->ni", detector.rotation[sensor], direction[keep])
    into = np.where(np.abs(along[:, 2]) > 1e-3, along[:, 2], 1e-3)
    slope = along[:, :2] / into[:, None]
    middle = at[:, :2] - at[:, 2:] * slope
    crossings = Crossings(
        owner, sensor, middle[:, 0], middle[:, 1], slope[:, 0], slope[:, 1], energy[keep], time[keep]
    )
    rng = np.random.default_rng([seed, number])
    read, hit, particle, share = digitize(detector, crossings, SimulationOptions(), rng)
    return Event(number, source, read, Truth(particles, hit, particle, energy=share))


def from_edm4hep(file: Path, detector: Detector, seed: int) -> Iterator[Event]:
    """Events of an EDM4hep file."""
    with uproot.open(file) as root:
        tree = root["events"]
        columns = {
            part: {
                name: tree[f"{part}/{part}.{name}"].array(library="np")
                for name in (
                    "eDep",
                    "time",
                    *(f"{what}.{c}" for what in ("position", "momentum") for c in "xyz"),
                )
            }
            | {"owner": tree[f"_{part}_particle/_{part}_particle.index"].array(library="np")}
            for part in PARTS
        }
        mc = {
            name: tree[f"MCParticles/MCParticles.{name}"].array(library="np")
            for name in ("PDG", "charge", *(f"{what}.{c}" for what in ("vertex", "momentum") for c in "xyz"))
        }
        count = tree.num_entries

    def joined(name: str, i: int) -> NDArray[np.float64]:
        return np.concatenate([columns[part][name][i] for part in PARTS]).astype(np.float64)

    for i in range(count):
        place, momentum = (
            np.stack([mc[f"{what}.{c}"][i] for c in "xyz"]).astype(float) for what in ("vertex", "momentum")
        )
        particles = Particles(
            np.arange(1, len(mc["PDG"][i]) + 1),
            mc["PDG"][i].astype(np.int32),
            mc["charge"][i].astype(float),
            *place,
            *momentum,
        )
        xyz, direction = (
            np.stack([joined(f"{what}.{c}", i) for c in "xyz"], axis=1) for what in ("position", "momentum")
        )
        hits = (
            xyz,
            unit(direction),
            joined("eDep", i),
            joined("time", i),
            joined("owner", i).astype(np.int64),
        )
        yield event_of(i, file.name, detector, particles, hits, seed)


def from_display(file: Path, number: int, detector: Detector) -> Event:
    """An event of ColliderML's display: its hits as they were measured."""
    told = json.loads(file.read_text(encoding="utf-8"))
    rows, fits = told["all_tracker_hits"], [track["reco_info"] for track in told["tracks"]]
    z = float(np.median([fit["z0"] for fit in fits if fit["has_reco"]]))
    xyz = np.array([[row[axis] for axis in "xyz"] for row in rows])
    ids, first, owner = np.unique(
        [row["particle_id"] for row in rows], return_index=True, return_inverse=True
    )
    way = xyz - [0.0, 0.0, z]
    order = np.lexsort((np.linalg.norm(way, axis=1), owner))
    innermost = order[np.searchsorted(owner[order], np.arange(len(ids)))]
    pdg = np.array([rows[i]["pdg_id"] for i in first], np.int32)
    ahead, pt = way[innermost], np.array([rows[i]["pT"] for i in innermost])
    momentum = ahead * (pt / np.hypot(ahead[:, 0], ahead[:, 1]))[:, None]
    species = species_of(np.unique(pdg))
    zero = np.zeros(len(ids))
    particles = Particles(
        ids.astype(np.int64), pdg, species.charge[species.rows(pdg)], zero, zero, zero + z, *momentum.T
    )
    sensor = located(detector, xyz)
    kept = np.flatnonzero(sensor >= 0)
    sensor, (x, y, z_hit) = sensor[kept], xyz[kept].T
    along = np.abs(detector.to_local(sensor, xyz[kept])[:, 1]) > UNMEASURED
    length = 2 * detector.half_v[sensor]
    var_v = np.where(along, detector.resolution_v[sensor] ** 2, length**2 / 12)
    hits = Hits(kept, x, y, z_hit, sensor, detector.resolution_u[sensor] ** 2, var_v)
    return Event(
        number, file.name, hits, Truth(particles, np.arange(len(kept)), owner[kept].astype(np.int64))
    )


def located(detector: Detector, xyz: Floats) -> NDArray[np.int32]:
    """The row of the tracker's sensor at each position, -1 where there is none."""
    trackers = np.flatnonzero(
        np.array(["position" in s.measures for s in detector.subsystems])[detector.subsystem]
    )
    keep = np.zeros(detector.n_sensors, bool)
    keep[trackers] = True
    sensor = detector.select(keep).locate(xyz, NEAR)
    return np.where(sensor >= 0, trackers[sensor], -1).astype(np.int32)


def unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=1), 1e-12)[:, None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1, help="of the digitisation")
    args = parser.parse_args()
    detector = load_detector("odd")
    events: list[Event] = []
    for file in args.files:
        if file.suffix == ".json":
            events.append(from_display(file, len(events), detector))
        else:
            events += list(from_edm4hep(file, detector, args.seed))
    print(f"{len(events)} events, {sum(len(event.hits) for event in events)} hits")
    write_events(events, args.output, overwrite=True)


if __name__ == "__main__":
    main()
