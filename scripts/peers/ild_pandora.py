"""Pandora's particle flow on full simulation and ours on its tracks and clusters, by the rules of `dst_figures.py`.

    python scripts/peers/ild_pandora.py FILE.slcio [--bundle BUNDLE ...] [--json FILE] [--work FOLDER]

With bundles of particle flow: Pandora's figures; ours as they were trained, on another detector (zero-shot); ours tuned on one half
of the events; and what these two have more than Pandora. Networks of several bundles are one that says their mean (`flow_mean.py`). Figures are first those of the second half, tuned on the first, then
those of all events, each found by the network that was tuned on the other half. `ild_elements.py` says what our network reads,
`flow_donors.py` what stands for cells that the file lacks, `ild_flow.py` what it learns from, and why that favours Pandora,
`flow_tuning.py` how long it learns.

FILE is a file of LCIO with tracks, clusters, Pandora's particles and truth links, such as
``examples/cpp/rootDict/DST01-06_ppr004_bbcsdu.slcio`` of iLCSoft/LCIO (50 e+e- events at 500 GeV in ILD, 3.5 T, BSD-3), or what
CLD's reconstruction writes, in LCIO or EDM4hep. Particles are those of the collection with the most that are made of tracks or clusters
(`--particles` names another), tracks and clusters those that they are made of. 68 % intervals come from drawing events again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from dst_figures import COSINE, MIN_ENERGY, Sample, figures, with_rejected_tracks
from kept_arrays import Arrays, Kept, sha256_of

from gnnreco.cli.table import table
from gnnreco.columns import Clusters, ReconstructedParticles, Tracks
from gnnreco.errors import GnnrecoError
from gnnreco.events.readers.edm4hep import read_dst as read_edm4hep_dst
from gnnreco.events.readers.lcio import DstEvent, read_dst

#: What the name of a detector begins with in its files, and what it is here.
NAMES = {"CLD": "cld", "ILD": "ild", "LDC": "ild"}
DONOR_EVENTS = 16
ROOT = b"root"
FEWEST = 4  # events of which a half can be tuned on: cross-validation needs two


def read(file: Path, particles: str) -> Iterator[DstEvent]:
    """The events of a file of LCIO or, by its first bytes, of EDM4hep."""
    with file.open("rb") as stream:
        is_root = stream.read(len(ROOT)) == ROOT
    if is_root:
        return read_edm4hep_dst(file, particles)
    return read_dst(file, particles)


def pandora(events: list[DstEvent]) -> list[Sample]:
    """What Pandora found."""
    return [Sample(e, e.event.found[ReconstructedParticles], e.particles_to_truth) for e in events]


def shown(told: dict[str, float] | None) -> str:
    """A figure and its interval in per cent."""
    if told is None:
        return "-"
    value, low, high = (100 * told[name] for name in ("value", "low", "high"))
    return f"{value:.1f} (-{value - low:.1f} +{high - value:.1f}) %"


def ours(events: list[DstEvent], args: argparse.Namespace) -> tuple[dict[str, list[Sample]], dict[str, Any]]:
    """What our network finds, zero-shot and tuned on the half of the events that is not judged; and how it was tuned.

    Of fewer than four events there is nothing tuned.
    """
    import torch
    from flow_donors import Donors, donors_for
    from flow_mean import mean_of
    from flow_tuning import Tuned, as_calibrated, balanced, tuned
    from ild_elements import DETECTORS, SCALE, Reading
    from ild_flow import flow, sample_of

    from gnnreco.bundle import load_bundle, load_task
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.particleflow import ParticleFlowTask

    torch.set_num_threads(1)
    bundles, tasks = [load_bundle(name) for name in args.bundle], []
    for name, bundle in zip(args.bundle, bundles, strict=True):
        task = load_task(bundle, load_detector(args.trained_on), any_detector=True)
        if not isinstance(task, ParticleFlowTask):
            raise SystemExit(f"{name}: a bundle of {task.name}; give one of particleflow")
        tasks.append(as_calibrated(task))
    code = sha256_of(*sorted(Path(__file__).parent.glob("*.py")))
    asked = {name: str(value) for name, value in vars(args).items() if name not in ("json", "work")}
    manifests = [bundle.manifest for bundle in bundles]
    kept = Kept(args.work, json.dumps([code, sha256_of(args.file), asked, manifests], default=str))
    donors = Donors.of_arrays(
        kept.get("donors", lambda: donors_for(tasks[0], DONOR_EVENTS, args.donors, progress).arrays())
    )
    detector = DETECTORS[args.detector or named(events[0].detector)]
    reading = Reading(mean_of(tasks), donors, detector, args.scale or SCALE)
    if len(events) < FEWEST:
        print(f"{len(events)} events are too few to tune on; {FEWEST} are needed", file=sys.stderr)
        return {"ours, zero-shot": flow(reading, events)}, {}
    starts, half = [balanced(task) for task in tasks], len(events) // 2
    parts = slice(half), slice(half, None)
    told, found = {}, []
    for learned, judged in (parts, parts[::-1]):

        def made(start: ParticleFlowTask, learned: slice = learned) -> Arrays:
            samples = [sample_of(reading, event) for event in events[learned]]
            return tuned(start, samples, seed=args.seed, progress=progress).arrays()

        first, networks = judged.start or 0, []
        for name, start in zip(args.bundle, starts, strict=True):
            where = f"tuned-{first}-{Path(name).name}"
            networks.append(Tuned.of_arrays(start, kept.get(where, partial(made, start))))
        found.append(flow(reading, events[judged], mean_of([one.task for one in networks])))
        told[f"events {first} and after"] = {
            name: {"tuned_for_epochs": one.epochs, "losses": one.losses}
            for name, one in zip(args.bundle, networks, strict=True)
        }
    return {"ours, zero-shot": flow(reading, events), "ours, tuned": found[1] + found[0]}, told


def progress(what: str, done: int, of: int) -> None:
    """Say on the terminal how far it is."""
    print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)


def named(detector: str) -> str:
    """Which detector this is, by the name in the file."""
    for begins, name in NAMES.items():
        if detector.upper().startswith(begins):
            return name
    raise SystemExit(f"'{detector}' in the file is none of {', '.join(NAMES)}...; say which with --detector")


def rows_of(name: str, told: dict[str, Any]) -> list[dict[str, str]]:
    """Figures of one reconstruction as rows of a table."""
    rows = [
        {
            "who": name,
            "what": f"{kind.replace('_', ' ')}s ({entry['true']} true, {entry['found']} found)",
            "efficiency": shown(entry["efficiency"]),
            "fakes": shown(entry["fake_rate"]),
        }
        for kind, entry in told["classes"].items()
    ]
    energy = {key: shown(value) for key, value in told["visible_energy"].items()}
    what = f"visible energy: median {energy['median']}"
    spread = f"IQR {energy['iqr_over_median']}", f"RMS90 {energy['rms90_over_mean']}"
    return [*rows, {"who": name, "what": what, "efficiency": spread[0], "fakes": spread[1]}]


def beside_pandora(samples: dict[str, list[Sample]]) -> dict[str, Any]:
    """Figures of all, and of ours less Pandora's."""
    told = {name: figures(found) for name, found in samples.items()}
    for name in list(told)[1:]:
        told[f"{name} - pandora"] = figures(samples[name], samples["pandora"])
    return told


def main() -> None:
    """Read the file, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--bundle", nargs="*", default=[], help="of particle flow: folders, or names of those that ship"
    )
    parser.add_argument("--particles", default="", help="collection of Pandora's particles, by name")
    parser.add_argument(
        "--detector", choices=sorted(set(NAMES.values())), help="of the file, if its name does not tell"
    )
    parser.add_argument("--trained-on", default="full_cld", help="detector that the bundle was trained on")
    parser.add_argument("--donors", help="events of that detector; else some are simulated")
    parser.add_argument(
        "--scale", type=float, help="of energies in the hadron calorimeter: see ild_elements.py"
    )
    parser.add_argument("--events", type=int, help="at most so many")
    parser.add_argument("--seed", type=int, default=0, help="of the order of events in tuning")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--work", type=Path, help="folder that keeps donors and tuned networks for the next run"
    )
    args = parser.parse_args()
    try:
        events = [with_rejected_tracks(e) for e in islice(read(args.file, args.particles), args.events)]
    except GnnrecoError as error:
        raise SystemExit(str(error)) from error
    if not any(len(e.event.found[ReconstructedParticles]) for e in events):
        raise SystemExit(f"{args.file}: no particles in it that are made of tracks or clusters")
    samples, tuning = {"pandora": pandora(events)}, {}
    if args.bundle:
        found, tuning = ours(events, args)
        samples |= found
    kinds = (Tracks, Clusters, ReconstructedParticles)
    counts = {kind.__name__: sum(len(e.event.found[kind]) for e in events) for kind in kinds}
    print(", ".join(f"{n:,} {name}" for name, n in {"events": len(events), **counts}.items()))
    print(f"energy above {MIN_ENERGY} GeV, |cos theta| below {COSINE}, 68 % intervals")
    half = len(events) // 2
    told = {"all events": beside_pandora(samples)}
    if "ours, tuned" in samples:
        second = {name: found[half:] for name, found in samples.items()}
        told = {f"the last {len(events) - half} events": beside_pandora(second), **told}
    for which, of in told.items():
        print(f"\n{which}")
        print(table([row for name, figure in of.items() for row in rows_of(name, figure)]))
    if args.json:
        definitions = {"min_energy_gev": MIN_ENERGY, "max_abs_cos_theta": COSINE, "counts": counts}
        args.json.write_text(
            json.dumps({"definitions": definitions, "tuning": tuning, **told}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
