"""The parts of `bench_showers.py` that measure: crowded events, single showers, classes, seconds, turned events."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from shower_cells import Calorimeter
from shower_finders import FINDERS, TARGET, find
from shower_moments import PAIRS, auc, baselines, resolution
from shower_samples import SINGLE, TEST, TUNE, Sample, crowded, shot_energy
from shower_settings import RESPONSE, TUNED

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event, Floats
from gnnreco.evaluate import ShowerTarget, score_clusters
from gnnreco.events.select import seen, select_hits
from gnnreco.geometry import Detector
from gnnreco.statistics import clopper_pearson

RATES = ("efficiency", "purity", "fake_rate", "split_rate", "merge_rate")
MEASURES = ("energy", "charge")
Finder = Callable[[Event], Clusters]
Row = dict[str, Any]


def sample_events(sample: Sample, detector: Detector, count: int, base: int = TEST) -> list[Event]:
    """Events of a sample, as clustering sees them."""
    return [seen(event, detector, MEASURES).event for event in sample.events(detector, count, base)]


def ours(bundle: str, detector: Detector) -> Finder:
    """A bundle as a finder."""
    finder: Finder = load_task(load_bundle(bundle), detector, any_detector=True).reconstruct
    return finder


def peer(name: str, calorimeter: Calorimeter, kind: str) -> Finder:
    """A tuned peer as a finder; `kind` of the sample tells its response."""
    return lambda event: find(name, event, calorimeter, kind)


def crowd_row(
    name: str, finder: Finder, events: Sequence[Event], detector: Detector, target: ShowerTarget = TARGET
) -> Row:
    """Rates of one finder on one sample, each with its 68 % interval."""
    finder(events[0])  # compiles
    begin = time.process_time()
    found = [finder(event) for event in events]
    seconds = (time.process_time() - begin) / len(events)
    figures = score_clusters(zip(events, found, strict=True), detector, target)
    noisy, taken = 0, 0
    for event, clusters in zip(events, found, strict=True):
        assert event.truth is not None
        noise = np.ones(len(event.hits), bool)
        noise[event.truth.hit] = False
        inside = np.zeros(len(noise), bool)
        inside[clusters.hit_index[clusters.hit_weight > 0]] = True
        noisy, taken = noisy + int(noise.sum()), taken + int((noise & inside).sum())
    keys = [*RATES, "energy_response_mean", "energy_resolution", "pull_sigma", "adjusted_rand"]
    row = {key: figures[key] for key in keys} | {
        f"{key}_interval": figures[f"{key}_interval"] for key in keys
    }
    row["noise_in_clusters"] = taken / noisy if noisy else None
    row["noise_in_clusters_interval"] = clopper_pearson(taken, noisy).tolist()
    return {"name": name, **row, "showers": figures["particles"], "cpu_seconds": seconds}


def with_ratios(rows: list[Row]) -> list[Row]:
    """Each row with what the first row's efficiency and purity, and its losses of both, are of the row's own."""
    first = rows[0]
    for row in rows:
        for key in ("efficiency", "purity"):
            known = first[key] is not None and row[key]
            row[f"{key}_ratio"] = first[key] / row[key] if known else None
            row[f"{key}_loss_ratio"] = (1 - first[key]) / (1 - row[key]) if known and row[key] < 1 else None
    return rows


def crowds(
    bundle: str,
    calorimeter: Calorimeter,
    kinds: Sequence[str],
    showers: Sequence[int],
    events: int,
    cone: float,
) -> dict[str, list[Row]]:
    """Every finder on every crowded sample; `events` of the densest, as many showers in the others."""
    detector, result = calorimeter.detector, {}
    for kind in kinds:
        for count, within in [*((n, None) for n in showers), (10, cone)]:
            sample = crowded(kind, count, within)
            some = sample_events(sample, detector, events * max(1, 50 // count))
            key = f"{kind}, {count} showers" + (f" within {within:g}" if within else "")
            rows = [crowd_row(f"gnnreco {bundle}", ours(bundle, detector), some, detector)]
            rows += [crowd_row(name, peer(name, calorimeter, kind), some, detector) for name in FINDERS]
            result[key] = with_ratios(rows)
    return result


def leading(finder: Finder, events: Sequence[Event]) -> dict[str, Floats]:
    """Of the cluster with the most energy in each event: energy, its error, and class probabilities; 0 and NaN where none is."""
    found = [finder(event) for event in events]
    energy, sigma = np.zeros(len(found)), np.zeros(len(found))
    classes = np.full((len(found), len(CLUSTER_CLASSES)), np.nan)
    for i, clusters in enumerate(found):
        if len(clusters):
            top = int(np.argmax(clusters.energy))
            energy[i], sigma[i] = clusters.energy[top], clusters.energy_sigma[top]
            classes[i] = clusters.class_probability[top]
    return {
        "energy": energy,
        "sigma": sigma,
        "classes": classes,
        "any": np.array([len(c) > 0 for c in found]),
    }


def singles(bundle: str, calorimeter: Calorimeter, events: int, train: int) -> Row:
    """Energy resolution, coverage of the stated error and AUC of single showers, beside one factor and boosted trees."""
    detector = calorimeter.detector
    test = {name: sample_events(sample, detector, events) for name, sample in SINGLE.items()}
    truth = {name: np.array([shot_energy(event) for event in some]) for name, some in test.items()}
    finder = ours(bundle, detector)
    found = {name: leading(finder, some) for name, some in test.items()}
    peers = baselines(calorimeter, train, test)
    energy, cover = {}, {}
    for name in ("photon", "pion"):
        ways = {
            "gnnreco": found[name]["energy"],
            **{k: peers["energy"][name][k] for k in ("linear", "trees")},
        }
        energy[name] = {way: resolution(values, truth[name]) for way, values in ways.items()}
    for name in ("photon", "pion", "electron"):
        inside = np.abs(found[name]["energy"] - truth[name]) < found[name]["sigma"]
        n, k = len(inside), int(inside.sum())
        cover[name] = {"coverage": k / n, "interval": clopper_pearson(k, n).tolist(), "events": n}
    area = {}
    for pair, (one, two) in PAIRS.items():
        area[pair] = {"boosted trees": auc(*peers["identity"][pair])}
        for how, score in class_scores(pair).items():
            area[pair][f"gnnreco, {how}"] = auc(*(_known(score, found[name]) for name in (one, two)))
    return {"energy": energy, "coverage": cover, "auc": area}


def class_scores(pair: str) -> dict[str, Callable[[Floats], Floats]]:
    """Scores of being the second kind of a pair, from class probabilities (n, 4)."""
    column = {name: i for i, name in enumerate(CLUSTER_CLASSES)}

    def logarithm(p: Floats, name: str) -> Floats:
        return np.log(np.maximum(p[:, column[name]], 1e-12))

    if pair.startswith("photon"):  # both photons of a pi0 in one cluster count as a neutral hadron
        return {
            "1 - p(electromagnetic)": lambda p: 1 - p[:, column["electromagnetic"]],
            "log p(neutral hadron) / p(electromagnetic)": lambda p: (
                logarithm(p, "neutral_hadron") - logarithm(p, "electromagnetic")
            ),
        }
    return {
        "log p(hadron) / p(electromagnetic)": lambda p: (
            logarithm(p, "charged_hadron") - logarithm(p, "electromagnetic")
        ),
        "1 - p(electromagnetic)": lambda p: 1 - p[:, column["electromagnetic"]],
    }


def _known(score: Callable[[Floats], Floats], found: dict[str, Floats]) -> Floats:
    """The scores of events with a cluster; NaN where the bundle gives no classes."""
    return score(found["classes"][found["any"] > 0])


ZERO_SHOT = {"voronoi": 0, "clic_ecal": 1}
FEW = 4  # showers an event there: voronoi is small


def zero_shot(detector: Detector, bundles: dict[str, str], events: int) -> list[Row]:
    """Four photons of 5-50 GeV in a detector that the peers were not tuned on either; only their response is fitted there."""
    sample = crowded("photons", FEW)
    sample = replace(
        sample,
        number=3000 + ZERO_SHOT.get(detector.name, 9),
        options=replace(sample.options, energy=(5.0, 50.0)),
    )
    calorimeter, test = Calorimeter.of(detector), sample_events(sample, detector, events)
    training = sample_events(sample, detector, max(5, events // 4), TUNE)
    rows = [crowd_row(name, ours(bundle, detector), test, detector) for name, bundle in bundles.items()]
    for name in ("CLUE + CLUE3D", "CLUE, 3D", "clusters-density"):
        raw = score_clusters(((e, find(name, e, calorimeter)) for e in training), detector, TARGET)
        response = raw["energy_response_mean"] or 1.0
        rows.append(crowd_row(name, scaled(peer(name, calorimeter, ""), response), test, detector))
    return with_ratios(rows)


def scaled(finder: Finder, response: float) -> Finder:
    """The finder, its energies divided by its response."""

    def run(event: Event) -> Clusters:
        found = finder(event)
        return replace(found, energy=found.energy / response, energy_sigma=found.energy_sigma / response)

    return run


def large_event(detector: Detector, cells: int) -> Event:
    """About so many hits of overlapping showers, half photons and half pions."""
    one = sample_events(crowded("mix", 50), detector, 1)[0]
    many = crowded("mix", round(50 * cells / len(one.hits)))
    return sample_events(replace(many, number=4000), detector, 1)[0]


def seconds(bundle: str, calorimeter: Calorimeter, event: Event, runs: int = 5) -> dict[str, Row]:
    """Median wall and CPU time of warm runs, hits in to showers out, in this process."""
    finders = {"gnnreco": ours(bundle, calorimeter.detector)}
    finders |= {
        name: peer(name, calorimeter, "mix") for name in ("CLUE + CLUE3D", "CLUE, 3D", "clusters-density")
    }
    result = {}
    for name, finder in finders.items():
        finder(event)
        clocks = []
        for _ in range(runs):
            begin = time.perf_counter(), time.process_time()
            finder(event)
            clocks.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
        wall, cpu = np.median(clocks, axis=0).tolist()
        result[name] = {"seconds": wall, "cpu_seconds": cpu}
    return result


def turned(event: Event, detector: Detector, degrees: float) -> tuple[Event, Event, float]:
    """The event and itself turned about z, both with the hits that land on the centre of a cell; and the share of these."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    xyz = event.hits.xyz @ turn
    sensor = detector.locate(xyz)
    seen = np.flatnonzero(sensor >= 0)
    plane = detector.to_plane(sensor[seen], detector.to_local(sensor[seen], xyz[seen]))
    cell = detector.cell_at(sensor[seen], plane[:, 0], plane[:, 1])
    seen, cell = seen[cell >= 0], cell[cell >= 0]
    at = detector.cell_position(sensor[seen], cell)
    good = np.linalg.norm(at - xyz[seen], axis=1) < 0.02  # the wafer map is rounded to some micrometres
    keep = np.zeros(len(xyz), bool)
    keep[seen[good]] = True
    plain = select_hits(event, keep)
    plain = replace(plain, hits=replace(plain.hits, deposits=None))
    x, y, z = np.ascontiguousarray(at[good].T)
    moved = replace(plain.hits, x=x, y=y, z=z, sensor=sensor[keep])
    return plain, replace(plain, hits=moved), float(keep.mean())


def turn_changes(finder: Finder, detector: Detector, events: Sequence[Event], degrees: float) -> Row:
    """Largest change of energy and class of showers over 1 GeV, and the hits that change sides, after a turn."""
    energy, classes, shares = [0.0], [0.0], []
    changed = hits = showers = 0
    for event in events:
        before, after, share = turned(event, detector, degrees)
        one, two = finder(before), finder(after)
        owner = [_owner(found, len(before.hits)) for found in (one, two)]
        shares.append(share)
        hits += len(owner[0])
        for i in np.flatnonzero(one.energy > 1.0):
            mine = np.flatnonzero(owner[0] == i)
            others = owner[1][mine]
            other = int(np.bincount(others[others >= 0]).argmax()) if (others >= 0).any() else -1
            changed += int((others != other).sum())
            showers += 1
            energy.append(abs(two.energy[other] / one.energy[i] - 1) if other >= 0 else 1.0)
            if other >= 0 and np.isfinite(one.class_probability[i]).all():
                classes.append(float(np.abs(two.class_probability[other] - one.class_probability[i]).max()))
    return {
        "degrees": degrees,
        "showers": showers,
        "hits_on_cells": float(np.mean(shares)),
        "largest_energy_change": max(energy),
        "median_energy_change": float(np.median(energy[1:])) if showers else None,
        "largest_class_change": max(classes),
        "hits_that_changed": changed / max(hits, 1),
    }


def _owner(found: Clusters, n_hits: int) -> Any:
    """Cluster with most of each hit (n_hits,); -1: none."""
    owner = np.full(n_hits, -1)
    cluster = np.repeat(np.arange(len(found)), np.diff(found.offsets))
    order = np.argsort(found.hit_weight, kind="stable")  # the largest share is written last
    owner[found.hit_index[order]] = cluster[order]
    return owner


def settings() -> Row:
    """What the peers ran with, for the JSON."""
    return {name: {"settings": TUNED[name], "response": RESPONSE[name]} for name in TUNED}
