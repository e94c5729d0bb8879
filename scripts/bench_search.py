"""The figures of `gnnreco search` beside published ones: gains on the LHC Olympics, and scans of events without signal.

    python scripts/bench_search.py LHCO_FOLDER --json search.json

Published: arXiv 2109.00546, figure of the maximum significance improvement at 0.6 % signal. Files: ``train.npy``, ``val.npy``
(background with 0.66 % signal) and ``extrasig_train.npy`` (signal) in one folder; all lie in the signal region, 3.3 to 3.7 TeV, so
that CATHODE and ANODE, which learn side-bands, cannot be run on them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnreco.search import EventTable, SearchSettings, hunt, read_events
from gnnreco.search.methods import Lesson, learn
from gnnreco.search.regions import inside
from gnnreco.statistics import gains
from gnnreco.statistics.intervals import clopper_pearson

PUBLISHED = {"supervised": 17, "idealised": 15, "cathode": 14, "cwola": 11, "anode": 6.5}
FOLDS = 5
CENTRE = (3.42, 3.58)  # TeV; half of the signal and 40 % of the background of the files
EVENTS = 4000  # of a search without signal
SCAN = SearchSettings(method="cwola", members=1, trees=10, folds=2, toys=100, keep=0.05)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of what learns, not of the folds")
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--only", choices=("supervised", "idealised", "cwola", "false"), action="append")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    train, val, extra = (
        read_events(args.folder / f"{name}.npy", "mjj") for name in ("train", "val", "extrasig_train")
    )
    told: dict[str, object] = {}
    rows: dict[str, Callable[[], dict]] = {
        "supervised": lambda: supervised(train, val, extra, args.members, args.seed),
        "idealised": lambda: idealised(train, val, extra, args.members, args.seed),
        "cwola": lambda: cwola(train, val, extra, args.members, args.seed),
        "false": lambda: false_positives(joined(train, val), args.experiments),
    }
    for name, measure in rows.items():
        if args.only is None or name in args.only:
            told[name] = row = measure()
            print(_line(name, row), flush=True)
            if args.json is not None:
                args.json.write_text(json.dumps(told, indent=2) + "\n")


def supervised(train: EventTable, val: EventTable, extra: EventTable, members: int, seed: int) -> dict:
    """Folds of all three files: each event is judged by what learned on the others."""
    table = joined(train, val, extra)
    fold = np.random.default_rng(0).permutation(len(table)) % FOLDS
    score = np.empty(len(table))
    for k in range(FOLDS):
        rows = np.flatnonzero(fold == k)
        scorer = learn("supervised", lesson(table[fold != k], None, members, FOLDS * seed + k))
        score[rows] = scorer(table.features[rows], table.mass[rows])
        say("supervised", k)
    return gains(score, table.label) | {"split": "5 folds of train, val and extrasig_train"}


def idealised(train: EventTable, val: EventTable, extra: EventTable, members: int, seed: int) -> dict:
    """Events of train, of unknown kind, against the background of val, in folds of both: what is left out is the test."""
    reference, signal = val[val.label == 0], joined(val[val.label == 1], extra)
    parts = [
        (table, np.random.default_rng(i).permutation(len(table)) % FOLDS, np.empty(len(table)))
        for i, table in enumerate((train, reference, signal))
    ]
    (_, mine, _), (_, other, _), _ = parts
    for k in range(FOLDS):
        scorer = learn(
            "idealised", lesson(train[mine != k], reference[other != k], members, FOLDS * seed + k)
        )
        for table, fold, score in parts:
            score[fold == k] = scorer(table.features[fold == k], table.mass[fold == k])
        say("idealised", k)
    label = np.concatenate([table.label for table, _, _ in parts])
    return gains(np.concatenate([score for _, _, score in parts]), label) | {
        "split": "5 folds of train and of the background of val; test: the folds left out, and signal of val and extrasig_train"
    }


def cwola(train: EventTable, val: EventTable, extra: EventTable, members: int, seed: int) -> dict:
    """The middle of the mass range of train against its edges: all that files without side-bands allow."""
    scorer = learn("cwola", replace(lesson(train, None, members, seed), window=CENTRE))
    test = joined(val, extra)
    test = test[inside(test.mass, CENTRE)]
    return gains(scorer(test.features, test.mass), test.label) | {
        "split": f"train, {CENTRE[0]} to {CENTRE[1]} TeV against the rest of 3.3 to 3.7 TeV; test: val and extrasig_train there"
    }


def false_positives(table: EventTable, experiments: int) -> dict:
    """Whole searches, scores and all, in background alone: how often is the global p-value below 0.05?"""
    background = table[table.label == 0]
    p: list[float] = []
    for number in range(experiments):
        rows = np.random.default_rng([7, number]).choice(len(background), EVENTS, replace=False)
        p.append(hunt(background[rows], replace(SCAN, seed=number)).told["p_value"])
        say("signal-free searches", number)
    passed = int((np.array(p) < 0.05).sum())
    return {
        "experiments": experiments,
        "events": EVENTS,
        "fraction": passed / experiments,
        "interval": clopper_pearson(passed, experiments).tolist(),
        "p_values": p,
    }


def lesson(data: EventTable, reference: EventTable | None, members: int, seed: int) -> Lesson:
    """What is learned from, in the whole mass range."""
    return Lesson(data, reference, None, (float(data.mass.min()), float(data.mass.max())), members, 1, seed)


def joined(*tables: EventTable) -> EventTable:
    """Tables one after the other."""
    mass, features, label = (
        np.concatenate([getattr(table, name) for table in tables]) for name in ("mass", "features", "label")
    )
    return EventTable(" + ".join(table.source for table in tables), tables[0].names, mass, features, label)


def say(what: str, done: int) -> None:
    """Progress, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r{what}: {done + 1}", end="", file=sys.stderr)


def _line(name: str, row: dict) -> str:
    if name == "false":
        low, high = row["interval"]
        return f"signal-free scans below 0.05: {row['fraction']:.3f} ({low:.3f} to {high:.3f}); to be 0.05"
    low, high = row["max_significance_improvement_interval"]
    return (
        f"{name}: maximum significance improvement {row['max_significance_improvement']:.1f} ({low:.1f} to {high:.1f}) "
        f"at efficiency {row['at_tpr']:.2f}, AUC {row['auc']:.4f}; published {PUBLISHED[name]}"
    )


if __name__ == "__main__":
    main()
