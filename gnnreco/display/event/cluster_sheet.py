"""The sheet of a page that lists clusters: energies beside the true ones, as `gnnreco.evaluate` matches them."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event, Floats
from gnnreco.geometry import Detector
from gnnreco.summary import counted

MOST_ROWS = 500
HEAD = ("cluster", "energy [GeV]", "hits", "score", "most likely", "η", "φ [rad]")
TRUE = ("particle", "PDG", "true energy [GeV]", "found / true", "its part of the cluster", "matched")


def cluster_sheet(event: Event, detector: Detector, clusters: Clusters | None) -> list[tuple[str, str]]:
    """Title and markup of the list, the highest energy first; none without clusters in a calorimeter.

    Parameters
    ----------
    event : Event
        In the frame of the source.
    detector : Detector
        In the frame of the source.
    clusters : Clusters or None
        In that frame, too.
    """
    if clusters is None or not any("energy" in s.measures for s in detector.subsystems):
        return []
    rows = _found(clusters)
    head, notes = list(HEAD), [f"{counted(len(clusters), 'cluster')}; a click on a row shows one."]
    numbers = (clusters.energy, clusters.energy_sigma, clusters.hit_weight)
    if event.truth is not None and all(np.isfinite(values).all() for values in numbers):
        truth, words = _true(event, detector, clusters)
        rows = [[*row, *more] for row, more in zip(rows, truth, strict=True)]
        head += TRUE
        notes += words
    order = np.argsort(-clusters.energy, kind="stable")[:MOST_ROWS]
    if len(order) < len(clusters):
        notes.append(f"The {MOST_ROWS} with most energy are listed.")
    body = "".join(_row(f' data-cluster="{i}"', "td", rows[i]) for i in order.tolist())
    return [
        (
            "Clusters",
            f"<p class='none'>{html.escape(' '.join(notes))}</p><table>{_row('', 'th', head)}{body}</table>",
        )
    ]


def _found(clusters: Clusters) -> list[list[str]]:
    """What was found of each cluster."""
    known = np.asarray(np.isfinite(clusters.class_probability).all(axis=1))
    best = np.nan_to_num(clusters.class_probability).argmax(axis=1)
    size = np.diff(clusters.offsets)
    return [
        [
            str(i),
            _with_error(clusters.energy[i], clusters.energy_sigma[i]),
            f"{size[i]:,}",
            _number(clusters.score[i], 3),
            CLUSTER_CLASSES[best[i]].replace("_", " ") if known[i] else "–",
            _number(clusters.eta[i]),
            _number(clusters.phi[i]),
        ]
        for i in range(len(clusters))
    ]


def _true(event: Event, detector: Detector, clusters: Clusters) -> tuple[list[list[str]], list[str]]:
    """The particle of each cluster, and what `evaluate` counts in this event, in words."""
    from gnnreco.evaluate.clustering import ClusterScores, shared, shower_target_of, true_energy

    target = shower_target_of(detector)
    scores = ClusterScores(detector, target)
    scores.add(event, clusters)
    counted = scores.result()
    told, _, _, sharing = shared(event, clusters, detector)
    assert told.truth is not None
    energy, particles, matched = true_energy(told.truth.particles), told.truth.particles, sharing.matched
    rows = []
    for i, main in enumerate(sharing.main.tolist()):
        if main < 0:
            rows.append(["none (noise)", "–", "–", "–", "–", "no"])
            continue
        part = sharing.main_share[i] / max(float(sharing.cluster_energy[i]), 1e-30)
        true = float(energy[main])
        rows.append(
            [
                str(particles.particle_id[main]),
                str(particles.pdg[main]),
                _number(true),
                _number(clusters.energy[i] / true if true > 0 else np.nan),
                f"{100 * part:.0f} %",
                "yes" if matched[i] else "no",
            ]
        )
    words = [
        _counted(counted, "efficiency", "particles", "target particles are found"),
        f"Target: {target.describe()}.",
    ]
    words.append(_counted(counted, "purity", "clusters", "counted clusters are matched"))
    words.append("As gnnreco evaluate counts, with its default target.")
    return rows, words


def _counted(result: dict[str, object], rate: str, of: str, words: str) -> str:
    total, value = int(str(result[of])), result[rate]
    return f"{round(float(str(value)) * total) if total else 0:,} of {total:,} {words}."


def _with_error(value: float, sigma: float) -> str:
    return f"{_number(value)} ± {_number(sigma, 2)}" if np.isfinite(sigma) else _number(value)


def _number(value: float | Floats, digits: int = 4) -> str:
    return f"{float(value):.{digits}g}" if np.isfinite(value) else "–"


def _row(more: str, tag: str, cells: Sequence[str]) -> str:
    kind = " class='n'" if tag == "td" else ""
    return f"<tr{more}>" + "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
