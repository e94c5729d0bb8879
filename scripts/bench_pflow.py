"""Particle flow beside its peer, its ceiling and its ground, on the same events.

    make bench-pflow
    python scripts/bench_pflow.py [--bundle pflow-cld] [--events 200] [--work .bench/pflow] [--only qq380 zh qq91] [--json FILE]
    python scripts/bench_pflow.py --detector full_hex

The same tracks and clusters go to all: the network, the rules (`peers/flow_rules.py`, to be tuned on other
events by `peers/flow_scan.py`), truth in place of pattern recognition, every cluster alone, every track alone. Events are
simulated with the seeds below unless their folder is there; what was reconstructed in them is kept beside them. Jets need
FastJet (`pip install 'gnnreco[jets]'`); without it the visible energy stands in for them. Top pairs need Pythia. Intervals hold 68 %; those of ratios
come from resampling events, the same ones for both.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import numpy as np
from bench_pflow_parts import PEER, PERFECT, Sample, contenders, exponent, run_sample
from bench_showers import percent, table
from flow_settings import TUNED, TUNED_PILEUP

from gnnreco.geometry import load_detector

#: Of each sample: how to simulate it, and with which seed. `pflow-hex` learned from the top pairs that ship: these are new ones.
PROCESS = {
    "qq380": ["qq"],
    "zh": ["zh"],
    "qq91": ["qq", "--ecm", "91"],
    "pileup50": ["ttbar", "--pileup", "50", "generator=pythia"],
    "ttbar": ["ttbar", "--pileup", "0", "generator=pythia"],
}
SEEDS = {name: 900 + k for k, name in enumerate(PROCESS)}


@dataclass(frozen=True, slots=True)
class Home:
    """What goes with a detector: the network and the tracks trained there, the jets of its collisions, events of each sample."""

    bundle: str
    tracks: str
    jets: str
    samples: dict[str, int]


#: Missing momenta of top pairs spread so much that 60 of them leave the ratio of two networks open by a tenth.
HOMES = {
    "full_cld": Home("pflow-cld", "tracking-cld", "durham", dict.fromkeys(("qq380", "zh", "qq91"), 200)),
    "full_hex": Home("pflow-hex", "tracking-full-hex", "antikt", {"ttbar": 240, "pileup50": 60}),
    "odd": Home("pflow-any", "tracking-odd", "antikt", {"ttbar": 60}),
}
FEW = 60  # events of a sample that does not go with the detector
RULES = {"pileup50": TUNED_PILEUP}  # settings of the rules; of all other samples `TUNED`
KINDS = ("photon", "neutral_hadron", "charged_hadron", "electron", "muon")


def main() -> None:
    asked = arguments()
    home = HOMES[asked.detector]
    detector = load_detector(asked.detector)
    ours = asked.bundle or [home.bundle]
    result: dict[str, Any] = {
        "bundles": ours,
        "detector": asked.detector,
        "tracks": home.tracks,
        "showers": asked.showers,
        "samples": {},
    }
    costs: dict[str, list[Any]] = {}
    work = asked.work / asked.detector  # two detectors have a sample of the same name
    for name in asked.only or home.samples:
        events = asked.events_in / name if asked.events_in else work / "events" / name
        if asked.prefix:
            events = asked.events_in / f"{asked.prefix}{name}"
        simulated(events, name, asked)
        before = [home.tracks, asked.showers]
        sample = Sample(name, events, work / "found" / name, asked.detector, before, home.jets)
        runs = contenders(detector, ours, RULES.get(name, TUNED))
        result["samples"][name] = run_sample(sample, detector, runs, asked.events)
        show(name, result["samples"][name])
        for key, row in result["samples"][name]["contenders"].items():
            costs.setdefault(key, []).extend(row.pop("cost"))
        result["exponents"] = {key: exponent(np.array(rows)) for key, rows in costs.items()}
        if asked.json:  # what is done is kept, should a later sample fail
            asked.json.write_text(json.dumps(result, indent=1, default=float) + "\n")
    print("\nexponent of CPU time against tracks and clusters, over all these events:")
    for key, one in result["exponents"].items():
        print(f"  {key:24} {number(one['value'], one['interval'])}")


def simulated(folder: Path, name: str, asked: argparse.Namespace) -> None:
    """Events of a sample, unless they are there."""
    if folder.exists():
        return
    command = [
        sys.executable,
        "-m",
        "gnnreco.cli",
        "simulate",
        "--detector",
        asked.detector,
        "--process",
        *PROCESS[name],
    ]
    count = str(asked.events or HOMES[asked.detector].samples.get(name, FEW))
    subprocess.run([*command, "--events", count, "--seed", str(SEEDS[name]), "-o", str(folder)], check=True)


def show(name: str, one: dict[str, Any]) -> None:
    """The tables of a sample."""
    rows = one["contenders"]
    print(f"\n{name}: {one['events']} events of {one['elements']:.0f} tracks and clusters on average")
    titles = ["jet resolution", "jet response", "MET, GeV", "visible mass", "visible energy", "class ECE"]
    lines = [
        ["", *titles, f"jets / {PEER}", f"jets / {PERFECT}", f"MET / {PEER}", f"mass / {PEER}", "CPU ms"]
    ]
    for key, row in rows.items():
        cells = [
            percent(row["jet_resolution_iqr"], row["jet_resolution_iqr_interval"]),
            number(row["jet_response_median"]),
            number(row["met_resolution"], row["met_resolution_interval"]),
            percent(row["visible_mass"]["resolution"], row["visible_mass"]["resolution_interval"]),
            percent(row["visible_energy"]["resolution"], row["visible_energy"]["resolution_interval"]),
            number(row["class_ece"]),
        ]
        ratios = [ratio(row["ratio"][what]) for what in ("jets", "jets_perfect", "met", "visible_mass")]
        lines.append([key, *cells, *ratios, f"{1e3 * row['cpu_seconds']:.1f}"])
    table(lines)
    print("\nabove 2 GeV: efficiency, fakes (of no target), another class (per cent)")
    lines = [["", *KINDS]]
    for key, row in rows.items():
        cells = []
        for kind in KINDS:
            hard = row["classes"][kind]["above_2_gev"]
            rates = (
                percent(hard[f"{what}"], hard[f"{what}_interval"]) for what in ("efficiency", "fake_rate")
            )
            cells.append(", ".join([*rates, percent(hard["wrong_class_rate"], None)]))
        lines.append([key, *cells])
    table(lines)
    print(f"\nabove 2 GeV: what is not found, and what is fake, over those of the {PEER}")
    names = [f"{kind} {what}" for kind in KINDS[:2] for what in ("lost", "fakes")]
    lines = [["", *(name.replace("_", " ") for name in names)]]
    lines += [
        [key, *(ratio(row["ratio"][name.replace(" ", "_")]) for name in names)] for key, row in rows.items()
    ]
    table(lines)
    print("\nmomentum of particles with the right track: width of its relative error over that of the track")
    lines = [["", "charged hadron", "electron", "muon"]]
    for key, row in rows.items():
        lines.append(
            [key, *(ratio(row["momentum"].get(kind)) for kind in ("charged_hadron", "electron", "muon"))]
        )
    table(lines)
    costs = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in one["cpu_seconds"].items())
    print(f"\nCPU seconds an event before: {costs}")


def number(value: float | None, interval: list[float] | None = None) -> str:
    """A value and its interval."""
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def ratio(one: dict[str, Any] | None) -> str:
    """The same for a ratio."""
    return "-" if one is None or one["value"] is None else number(one["value"], one["interval"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", nargs="*", default=[], help="networks: names or folders")
    parser.add_argument("--showers", default="clusters-fine", help="bundle that finds the clusters")
    parser.add_argument("--detector", choices=list(HOMES), default="full_cld")
    parser.add_argument("--events", type=int, help="of each sample; all that are there, or new ones")
    parser.add_argument("--work", type=Path, default=Path(".bench/pflow"))
    parser.add_argument("--events-in", type=Path, help="folder of folders of events")
    parser.add_argument("--prefix", default="", help="of these folders' names")
    parser.add_argument("--only", nargs="+", choices=list(SEEDS), help="some samples")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
