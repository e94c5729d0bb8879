"""Makes the showers of a full simulation's particles once more, compares them, and chooses which ones to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnreco.bundle import Bundle, load_engine
from gnnreco.columns import Event, Ints
from gnnreco.errors import BadBundle, BadInput
from gnnreco.evaluate.fastsim import Comparison, ShowerSample, Training, compare, shower_sample
from gnnreco.evaluate.fastsim.classifier import FEWEST
from gnnreco.evaluate.fastsim.comparison import unseen_odds
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.kernels import threads
from gnnreco.progress import Progress
from gnnreco.simulate import SimulationOptions, same_particles
from gnnreco.simulate.showers.learned import Engine
from gnnreco.simulate.showers.learned.known import material

from .scene import Row

TRUTH, PARAMETRISATION = "full simulation", "parametrisation"
EVERYTHING = SimulationOptions(cell_noise=0.0, cell_threshold=0.0)  # noise is not compared
TYPICAL, WORST = 4, 3  # particles to look at: spread over energies, and of each kind of failure
TRAININGS = 2
ROUNDING = 1e-6  # of a range: the bundle has 32 bits of each number


@dataclass(frozen=True)
class Shot:
    """The same particles by one maker: events by number, and their showers."""

    events: dict[int, Event]
    sample: ShowerSample


def report_showers(
    bundle: Bundle,
    events: Sequence[Event],
    page: str | Path,
    detector: Detector,
    seed: int = 0,
    command: str = "",
    progress: Progress | None = None,
) -> JsonDict:
    """Tell how close the showers of a bundle are to those of a full simulation, as a page and as a table.

    Parameters
    ----------
    bundle : Bundle
        Of the task ``fastsim``.
    events : sequence of Event
        Of the full simulation; truth says what each particle left in each hit. Their photons and electrons are made anew by
        the bundle and by the parametrisation.
    page : path
        The page to write; an existing one is replaced.
    detector : Detector
        As it was loaded.
    seed : int
        Of showers and of networks.
    command : str
        The command behind the report.
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    dict
        All that the page shows but its pictures; every number is finite or None.

    Raises
    ------
    BadInput
        No events, no truth in them, or no photon and no electron that showered.
    BadBundle
        It knows other particles.
    """
    from .page import write_page

    if not len(events):
        raise BadInput(str(page), "", "there are no events to report on: name some of a full simulation")
    engines = load_engine(bundle.folder)
    if engines.electromagnetic is None:
        raise BadBundle(
            bundle.folder,
            "makes no showers of photons and electrons, which are all that this report compares",
        )
    with threads(1):  # the same bits on any machine
        true = _seen(events, len(events), detector, TRUTH, progress)
        mine, plain = (
            _seen(
                same_particles(true.events.values(), detector, EVERYTHING, maker, seed),
                len(events),
                detector,
                name,
                progress,
            )
            for name, maker in ((bundle.name, engines), (PARAMETRISATION, None))
        )
        true = Shot(true.events, true.sample[_electromagnetic(true.sample)])
        if not len(true.sample) or not len(mine.sample):
            why = "no photon and no electron left a shower in a calorimeter of this detector; name events that have some"
            raise BadInput(events[0].source, "", why)
        result = compare(
            mine.sample, true.sample, Comparison(training=Training(trainings=TRAININGS), seed=seed), progress
        )
        once = Comparison(training=Training(trainings=1), seed=seed, floor=False)
        other = compare(plain.sample, true.sample, once, progress)
        chosen, told_apart = choose(mine.sample, true.sample, seed)
    makers = {TRUTH: true.events, bundle.name: mine.events, PARAMETRISATION: plain.events}
    out: JsonDict = {
        "command": command,
        "bundle": {
            "name": bundle.name,
            "task": bundle.task,
            "sha256": bundle.manifest["sha256"],
            "parameters": bundle.parameters,
            "training": bundle.manifest["training"].get("command"),
        },
        "detector": detector.name,
        "events": len(events),
        "figures": _figures(result),
        "generated": result,
        "parametrisation": {
            name: value for name, value in other.items() if name not in ("floor", "definitions")
        },
        "trained_on": trained_on(engines.electromagnetic, detector, true.sample),
        "stacks": len(bundle.manifest["training"].get("data", {}).get("sample", {}).get("detectors", ())) + 1,
        "failures": [
            {"why": row.why, "event": row.event, "particle_id": row.particle, "odds": row.odds}
            for row in chosen
        ],
        "ranking": [],
        "warnings": result["warnings"],
        "left_out": []
        if told_apart
        else [f"showers that are told apart best: that takes {FEWEST} showers a side"],
        "definitions": result["definitions"],
    }
    write_page(page, out, chosen, makers, detector)
    return out


def _seen(
    events: Iterable[Event], total: int, detector: Detector, what: str, progress: Progress | None
) -> Shot:
    """Events, kept, and their showers."""
    kept: dict[int, Event] = {}
    for event in events:
        if event.number in kept:
            why = "two events have this number, so that nobody could tell their particles apart: give one folder"
            raise BadInput(event.source, f"event {event.number}", why)
        kept[event.number] = event
        if progress:
            progress(what, len(kept), total)
    return Shot(kept, shower_sample(kept.values(), detector))


def _electromagnetic(sample: ShowerSample) -> Ints:
    return np.flatnonzero(np.isin(np.abs(sample.pdg), (11, 22)))


def choose(generated: ShowerSample, truth: ShowerSample, seed: int) -> tuple[list[Row], bool]:
    """The particles to look at, and whether there were showers enough to tell which are told apart best."""
    rows: dict[tuple[int, int], Row] = {}

    def add(sample: ShowerSample, row: int, why: str, odds: float | None) -> None:
        event, particle = _key(sample)[row].tolist()
        known = Row(why, event, particle, int(sample.pdg[row]), float(sample.energy[row]), odds)
        rows.setdefault((event, particle), known)

    # Sorted by energy within a kind: evenly spaced rows are spread over the energies.
    order = np.argsort(truth.energy, kind="stable")
    for row in order[np.linspace(0, len(order) - 1, TYPICAL).astype(int)].tolist():
        add(truth, row, "as it comes", None)
    enough = min(len(generated), len(truth)) >= FEWEST
    if enough:
        odds = unseen_odds(generated, truth, Training(), seed)
        mine, true = odds[: len(generated)], odds[len(generated) :]
        for row in np.argsort(-mine, kind="stable")[:WORST].tolist():
            add(generated, row, "generated, and looks most so", float(mine[row]))
        for row in np.argsort(true, kind="stable")[:WORST].tolist():
            add(truth, row, "true, and looks least like generated ones", float(true[row]))
    return list(rows.values()), enough


def _key(sample: ShowerSample) -> Ints:
    return np.zeros((len(sample), 2), np.int64) if sample.key is None else sample.key


def trained_on(engine: Engine, detector: Detector, truth: ShowerSample) -> list[JsonDict]:
    """What the engine knows, beside what is here: a row for each quantity."""
    rows = [("energy [GeV]", (engine.lowest, engine.highest), truth.energy), *material(engine, detector)]
    return [
        {
            "what": what,
            "trained": [low, high],
            "here": [float(here.min()), float(here.max())],
            "outside": bool(here.min() < low * (1 - ROUNDING) or here.max() > high * (1 + ROUNDING)),
        }
        for what, (low, high), here in rows
    ]


def _figures(result: JsonDict) -> list[JsonDict]:
    """The short list that the command line prints."""
    rows: list[JsonDict] = []
    for name, found in result["classifier"].items():
        if found is not None:
            spread = found["auc_spread"] or 0.0
            ends = [found["auc"] - spread, found["auc"] + spread]
            rows.append({"figure": f"AUC {name.replace('_', ' ')}", "value": found["auc"], "interval": ends})
    for name in ("mean", "width"):
        value, error = (result["response"]["all"][f"{name}_ratio{ending}"] for ending in ("", "_error"))
        around = None if value is None else [value - error, value + error]
        rows.append(
            {"figure": f"{name} of the response over the true one", "value": value, "interval": around}
        )
    for name in ("longitudinal", "radial"):
        chi2 = result["profiles"][name]["chi2"]
        rows.append({"figure": f"chi2 per bin, {name} profile", "value": chi2, "interval": None})
    return rows
