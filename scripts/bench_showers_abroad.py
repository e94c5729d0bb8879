"""Showers where nothing was trained, beside CLUE + CLUE3D on the same events: another detector, full simulation, noise.

    python scripts/bench_showers_abroad.py [--bundle showers-any ...] [--events 10] [--seed 0]
        [--cms particle_gun_ntuple.root] [--only PART ...] [--json FILE]

Without `--bundle`: `showers-any`, and what else ships for showers in the detector.

- odd: top pairs with pile-up 5, five photons and five pions of 2-30 GeV by a gun, in the Open Data Detector. `--events` counts
  the top pairs; of the others there are six times as many. Showers over 1 GeV count. The peer's energies are divided by its
  response in other events of the same sort, ours by nothing.
- block: single photons of 5-50 GeV of a test beam, in the block that `gnnreco detector new` begins.
- noise: a muon's hits in `hgcal` sixty times over without any particle; clusters an event.
- cms: the two events of the CMS full simulation in the file that `--cms` names (tklijnsma/hgcal_ldrd), two muons of 35 GeV in
  noise, as `gnnreco reconstruct` reads them (plain), and with their hits carried into our geometry
  (`real_full_simulation.py`): clusters over 1 GeV that are not mainly a muon's, and the energies of the muons' own.

Rates are per cent with 68 % intervals. The seeds are in `SAMPLES`, and `--seed` is added to them; nothing was trained or tuned
on them with 0.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "peers"))
sys.path.insert(0, str(Path(__file__).parent))

from bench_showers_parts import MEASURES, Finder, Row, crowd_row, ours, peer, scaled
from real_full_simulation import carried
from shower_cells import Calorimeter
from shower_finders import find

from gnnreco.bundle import shower_bundle
from gnnreco.bundle.shipped import SHOWERS
from gnnreco.cli.table import show, write_json
from gnnreco.columns import Clusters, Event, Floats
from gnnreco.evaluate import ShowerTarget, score_clusters
from gnnreco.evaluate.sharing import share
from gnnreco.events import open_events
from gnnreco.events.select import seen, select_hits
from gnnreco.geometry import Detector, load_detector
from gnnreco.geometry.description.new import new_detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.simulate import simulate

PARTS = ("odd", "block", "noise", "cms")
PEER = "CLUE + CLUE3D"
TARGET = ShowerTarget(min_energy=1.0)
LEAST = 1.0  # GeV, of a cluster that counts
MORE, TUNE = (
    6,
    500,
)  # times as many events of a gun as top pairs; added to the seed of events that give the peer's response
#: Part, process, pile-up, seed, times `--events`, settings.
SAMPLES: dict[str, tuple[str, str, int, int, int, dict[str, Any]]] = {
    "odd, top pairs, pile-up 5": ("odd", "ttbar", 5, 98001, 1, {}),
    "odd, five photons": (
        "odd",
        "gun",
        0,
        98002,
        MORE,
        {"particle": "photon", "energy": (2, 30), "count": 5},
    ),
    "odd, five pions": ("odd", "gun", 0, 98003, MORE, {"particle": "pion", "energy": (2, 30), "count": 5}),
    "block, one photon": ("block", "beam", 0, 98004, 2 * MORE, {"particle": "photon", "energy": (5, 50)}),
    "noise alone": ("noise", "gun", 0, 98005, 1, {"particle": "muon", "energy": (5, 50), "noise_hits": 60}),
}


def main() -> None:
    asked = arguments()
    detectors = {"odd": load_detector("odd"), "noise": load_detector("hgcal"), "block": block()}
    rows: list[Row] = []
    for name, (part, *_) in SAMPLES.items():
        if part in asked.only:
            measure = noise_row if part == "noise" else rate_row
            rows += measured(name, detectors[part], asked, measure)
    if "cms" in asked.only and asked.cms:
        rows += cms_rows(asked.cms, detectors["noise"], bundles(asked, detectors["noise"]))
    for part in PARTS:  # each has columns of its own
        mine = [row for row in rows if str(row["sample"]).startswith(part)]
        if mine:
            show(mine)
            print()
    write_json(asked.json, rows)


def block() -> Detector:
    """The calorimeter that a user begins with."""
    with tempfile.TemporaryDirectory() as folder:
        return load_detector(new_detector(Path(folder) / "block", "calorimeter", {}))


def made(name: str, detector: Detector, events: int, base: int = 0) -> list[Event]:
    """Events of a sample, as clustering sees them."""
    _, process, pileup, seed, times, settings = SAMPLES[name]
    some = simulate(detector, process, events * times, pileup, seed + base, **settings)
    return [seen(event, detector, MEASURES).event for event in some]


def bundles(asked: argparse.Namespace, detector: Detector) -> Sequence[str]:
    """The bundles to compare in a detector."""
    return asked.bundle or sorted({SHOWERS, shower_bundle(detector)})


def measured(name: str, detector: Detector, asked: argparse.Namespace, measure: Any) -> Iterator[Row]:
    """One row of each finder on a sample."""
    events, calorimeter = made(name, detector, asked.events, asked.seed), Calorimeter.of(detector)
    for bundle in bundles(asked, detector):
        yield measure(name, bundle, ours(bundle, detector), events, detector)
    clue = peer(PEER, calorimeter, "")
    if measure is rate_row:
        training = made(name, detector, max(1, asked.events // 3), TUNE + asked.seed)
        raw = score_clusters(((e, find(PEER, e, calorimeter)) for e in training), detector, TARGET)
        clue = scaled(clue, raw["energy_response_mean"] or 1.0)
    yield measure(name, PEER, clue, events, detector)


def rate_row(name: str, who: str, finder: Finder, events: Sequence[Event], detector: Detector) -> Row:
    """Rates, per cent, with their intervals, and energies."""
    row = crowd_row(who, finder, events, detector, TARGET)
    out: Row = {"sample": name, "finder": who, "showers": row["showers"]}
    for key, title in (("efficiency", "found"), ("purity", "purity"), ("merge_rate", "merged")):
        low, high = row[f"{key}_interval"]
        out[f"{title} %"] = f"{100 * row[key]:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    out["response"], out["+-"] = row["energy_response_mean"], half(row["energy_response_mean_interval"])
    out["resolution %"] = 100 * row["energy_resolution"]
    return out | {"CPU s an event": row["cpu_seconds"]}


def half(interval: Sequence[float]) -> float:
    """Half of the length of an interval."""
    return (interval[1] - interval[0]) / 2


def noise_row(name: str, who: str, finder: Finder, events: Sequence[Event], detector: Detector) -> Row:
    """How many clusters an event of noise alone has, over 1 and 2 GeV."""
    energies = [finder(only_noise(event)).energy for event in events]
    row: Row = {"sample": name, "finder": who, "events": len(events)}
    return row | {f"over {n} GeV": float(np.mean([(e > n).sum() for e in energies])) for n in (1, 2)}


def only_noise(event: Event) -> Event:
    """The event without the hits of particles."""
    assert event.truth is not None
    noise = np.ones(len(event.hits), bool)
    noise[event.truth.hit] = False
    return select_hits(event, noise)


def cms_rows(file: Path, detector: Detector, bundles: Sequence[str]) -> Iterator[Row]:
    """What is found in each event of the CMS full simulation."""
    for plain in (True, False):
        for event in open_events(file, detector if plain else None):
            here, fraction = event, visible_fraction(detector, event.hits.sensor)
            if not plain:
                here, fraction = carried(event, detector)
            for bundle in bundles:
                row = {"sample": f"cms {'plain' if plain else 'carried'} {event.number}", "finder": bundle}
                yield row | beside_particles(here, ours(bundle, detector)(here), fraction)


def beside_particles(event: Event, clusters: Clusters, fraction: Floats) -> Row:
    """How many clusters are not mainly of any particle, their energy, and the energies of those of the particles."""
    shared = share(event, clusters, fraction)
    noise = (clusters.energy > LEAST) & (shared.main_share < 0.5 * shared.cluster_energy)
    own = clusters.energy[shared.matched]
    return {
        "of noise": int(noise.sum()),
        "GeV": float(clusters.energy[noise].sum()),
        "of particles, GeV": " ".join(f"{e:.0f}" for e in own),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", nargs="+", default=[])
    parser.add_argument("--events", type=int, default=10, help="top pairs")
    parser.add_argument("--seed", type=int, default=0, help="added to those of all samples")
    parser.add_argument("--cms", type=Path, help="file of the CMS full simulation")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts only")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
