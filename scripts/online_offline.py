"""What a trigger knows of jets and missing momentum, beside offline particle flow and the bare calorimeter, on the same events.

    python scripts/online_offline.py EVENTS [--bundle jets-online] [--offline pflow-cld] [--found FOLDER] [--json FILE] [--picture FILE]

EVENTS are simulated and unseen by all trainings: `gnnreco simulate --detector full_cld --process qq --events 300 --seed 900 -o EVENTS`.
Three contenders: the answers of the trigger bundle, exact as its firmware gives them, one four-momentum for each tower; the
particles that `--offline` finds, by `gnnreco reconstruct` into `--found` unless they are there; the cells of the calorimeters
summed in the same towers, scaled by one factor that makes the median of the visible energy right on these very events. Each
is compared with the particles that could be found (the targets of particle flow), and the first and last with what was found
offline. Jets (two by Durham, |cos theta| < 0.7) need FastJet: `pip install 'gnnreco[jets]'`. Intervals hold 68 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_pflow import number
from bench_showers import percent, table

from gnnreco.bundle import load_bundle
from gnnreco.columns import Event, Floats
from gnnreco.deploy.export import open_trigger
from gnnreco.errors import BadInput
from gnnreco.evaluate.join import Join
from gnnreco.evaluate.particles import jets
from gnnreco.evaluate.particles.balance import balance, balance_figures
from gnnreco.evaluate.particles.quantiles import response
from gnnreco.evaluate.particles.targets import four_vectors
from gnnreco.events import open_events
from gnnreco.events.particles_file import read_particles
from gnnreco.events.select import in_source_frame
from gnnreco.geometry import Detector
from gnnreco.tasks.particleflow.targets import targets_of
from gnnreco.tasks.trigger.task import TriggerTask
from gnnreco.tasks.trigger.towers import COMPONENTS

ONLINE, OFFLINE, CELLS = "trigger", "offline", "cells, one factor"
BEFORE = ("tracking-cld", "clusters-fine")
BINS = np.array([20.0, 60, 100, 140, 200])  # GeV


def main() -> None:
    asked = arguments()
    task = open_trigger(load_bundle(asked.bundle))
    assert task.detector is not None
    if task.config.network.kind != "slots":
        raise BadInput(
            asked.bundle, "", "answers with classes, not with four-momenta: name a bundle of towers"
        )
    folder = asked.found or Path(".bench") / "online" / Path(asked.offline).name
    if not (folder / "manifest.json").exists():
        reconstruct(asked.events, task.detector.name, [*BEFORE, asked.offline], folder)
    found: dict[str, list[Floats]] = {ONLINE: [], OFFLINE: [], CELLS: []}
    targets, spent = list[Floats](), list[float]()
    for event, particles in with_particles(asked.events, folder / "particleflow", task.detector, asked.limit):
        begin = time.process_time()
        online, cells, true = of_towers(task, event)
        spent.append(time.process_time() - begin)
        for name, four in ((ONLINE, online), (OFFLINE, particles), (CELLS, cells)):
            found[name].append(four)
        targets.append(true)
    seen = np.array([four[:, 3].sum() / true[:, 3].sum() for four, true in zip(found[CELLS], targets)])
    factor = 1 / float(np.median(seen))
    found[CELLS] = [factor * four for four in found[CELLS]]
    result: dict[str, Any] = {"events": len(targets), "bundle": asked.bundle, "offline": asked.offline}
    result |= {"cells_factor": factor, "cpu_seconds_of_buffers_and_network": float(np.mean(spent))}
    result["truth"] = {name: figures(one, targets) for name, one in found.items()}
    result["as_found_offline"] = {name: figures(found[name], found[OFFLINE]) for name in (ONLINE, CELLS)}
    show("beside the particles that could be found", result["truth"])
    show(f"beside what {asked.offline} found", result["as_found_offline"])
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1, default=float) + "\n")
    if asked.picture:
        picture(result["truth"], asked.picture)


def reconstruct(events: str, detector: str, bundles: Sequence[str], folder: Path) -> None:
    """Offline reconstruction of the events."""
    command = [sys.executable, "-m", "gnnreco.cli", "reconstruct", events, "--detector", detector]
    for bundle in bundles:
        command += ["--bundle", bundle]
    subprocess.run([*command, "-o", str(folder), "--overwrite"], check=True, stdout=sys.stderr)


def with_particles(
    events: str, folder: Path, detector: Detector, limit: int | None
) -> Iterator[tuple[Event, Floats]]:
    """Events and the four-momenta of the particles that were found in each."""
    source = open_events(events, detector)
    join = Join(source, json.loads((folder / "manifest.json").read_text()), folder)
    for done, (which, origin, particles) in enumerate(read_particles(folder)):
        if done == limit:
            return
        yield source[join.row_of(which, origin)], four_vectors(particles)


def of_towers(task: TriggerTask, event: Event) -> tuple[Floats, Floats, Floats]:
    """Four-momenta that the network gives its towers, that their cells sum up to, and of the targets; GeV."""
    assert task.detector is not None
    b = task.buffers(event)
    there = b.valid[0] > 0
    online = task.config.input.towers.unit * task.answers(b)[0, :-1][there]
    cells = b.x[0][there].reshape(int(there.sum()), -1, COMPONENTS).sum(axis=1)
    true = targets_of(in_source_frame(event, task.detector.source), task.detector.at_source())
    return online, cells, four_vectors(true)


def figures(found: Sequence[Floats], true: Sequence[Floats]) -> dict[str, Any]:
    """Response and resolution of jets, visible energy, and missing momentum."""
    both = list(zip(found, true, strict=True))
    whole = balance_figures(np.concatenate([balance(*pair) for pair in both]))
    out: dict[str, Any] = {key: whole[key] for key in ("met_resolution", "met_resolution_interval")}
    out |= {"visible_energy": whole["visible_energy"], "visible_mass": whole["visible_mass"], "jets": None}
    if jets.installed():
        rows = np.concatenate([jets.compare_jets(*pair, "durham")[0] for pair in both])
        central = rows[rows[:, 1] < jets.CENTRAL]
        which = np.digitize(central[:, 0], BINS) - 1
        out["jets"] = {
            "target": len(central),
            "found": int(np.isfinite(central[:, 2]).sum()),
            **response(central[np.isfinite(central[:, 2]), 2]),
            "energy_edges": BINS.tolist(),
            "by_energy": [of_bin(central[which == k, 2]) for k in range(len(BINS) - 1)],
        }
    return out


def of_bin(ratio: Floats) -> dict[str, Any]:
    """Response and resolution of the jets that were found, of those in one bin."""
    return response(ratio[np.isfinite(ratio)])


def show(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A table of contenders."""
    print(f"\n{title}")
    lines = [["", "jets: response", "resolution, %", "energy: response", "resolution, %", "MET x and y, GeV"]]
    for name, row in rows.items():
        cells = [of_response(row["jets"]), of_response(row["visible_energy"])]
        lines.append(
            [name, *cells[0], *cells[1], number(row["met_resolution"], row["met_resolution_interval"])]
        )
    table(lines)
    if not jets.installed():
        print(jets.HOW)


def of_response(row: Mapping[str, Any] | None) -> tuple[str, str]:
    """Response and resolution with their intervals."""
    if row is None or row["response"] is None:
        return "-", "-"
    return number(row["response"], row["response_interval"]), percent(
        row["resolution"], row["resolution_interval"]
    )


def picture(rows: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """Resolution of jets against their energy."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    middle, half = (BINS[1:] + BINS[:-1]) / 2, np.diff(BINS) / 2
    for name, row in rows.items():
        if row["jets"] is None:
            continue
        bins = row["jets"]["by_energy"]
        known = [k for k, one in enumerate(bins) if one["resolution"] is not None]
        value = np.array([100 * bins[k]["resolution"] for k in known])
        ends = np.array([[100 * end for end in bins[k]["resolution_interval"]] for k in known]).reshape(-1, 2)
        errors = np.maximum(np.abs(ends.T - value), 0)
        axes.errorbar(middle[known], value, errors, half[known], "o", label=name)
    axes.set(xlabel="energy of the target jet, GeV", ylabel="interquartile range / median, %", ylim=(0, None))
    axes.legend()
    drawing.savefig(file, dpi=120, metadata={"Software": None})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("events", help="file, folder or glob of simulated events")
    parser.add_argument("--bundle", default="jets-online")
    parser.add_argument("--offline", default="pflow-cld", help="bundle of particle flow")
    parser.add_argument("--found", type=Path, help="output of `gnnreco reconstruct` with that bundle")
    parser.add_argument("--limit", type=int, help="events, at most")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
