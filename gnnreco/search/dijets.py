"""Two wide jets of each event as a row of a table: what a search for a heavy resonance reads of particles or clusters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gnnreco.columns import Clusters, Floats
from gnnreco.errors import BadInput
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.particles_file import read_particles
from gnnreco.graphs.jet_finder import exclusive_axes, leading_jets
from gnnreco.tasks.registry import find_task, task_names

#: Masses in GeV: of both jets together, of the lighter one, what the heavier one has more; N-subjettiness of both.
DIJETS = ("mjj", "mj1", "delta_mj", "tau21_1", "tau21_2")
RADIUS, LEAST_PT = 1.0, 200.0  # of a jet; GeV


def read_dijets(path: str | Path) -> tuple[dict[str, Floats], Counter[str]]:
    """Rows of `DIJETS` and the event number from the particles or clusters that ``gnnreco reconstruct`` found.

    Parameters
    ----------
    path : path
        A folder of particle flow, or one that holds ``particleflow`` beside other tasks; or a folder of clusters, which are
        taken for massless particles from the origin.

    Returns
    -------
    dict of name to array (n,)
        `DIJETS`, and ``event``.
    Counter
        Events that were left out, by reason.

    Raises
    ------
    BadInput
        If no event has two jets.
    """
    path = Path(path)
    path = path / "particleflow" if (path / "particleflow").is_dir() else path
    rows, left_out = [], Counter[str]()
    for number, four in _momenta(path):
        features = dijet(four)
        if features is None:
            left_out["events without two wide jets"] += 1
        else:
            rows.append([*features, number])
    if not rows:
        raise BadInput(path, "", f"no event has two jets of {LEAST_PT:g} GeV, of which a dijet mass is made")
    return dict(zip((*DIJETS, "event"), np.array(rows, float).T, strict=True)), left_out


def _finds_clusters(folder: Path) -> bool:
    """Whether a task that gives clusters wrote the folder; of others `read_particles` says what is wrong."""
    try:
        task = json.loads((folder / "manifest.json").read_text())["task"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return task in task_names() and find_task(task).gives is Clusters


def _momenta(folder: Path) -> Iterator[tuple[int, Floats]]:
    """Of each event its number and what was found in it (n, 4: px, py, pz, energy in GeV)."""
    if _finds_clusters(folder):
        for number, _, clusters in read_clusters(folder):
            place = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
            direction = place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-9)
            yield number, np.column_stack([direction * clusters.energy[:, None], clusters.energy])
        return
    for number, _, particles in read_particles(folder):
        yield number, np.stack([particles.px, particles.py, particles.pz, particles.energy], axis=1)


def dijet(particles: Floats) -> list[float] | None:
    """`DIJETS` of the two anti-kt jets of highest pt of particles (n, 4: px, py, pz, energy in GeV); None without two."""
    jets = leading_jets(particles, RADIUS, 2, LEAST_PT)
    if len(jets) < 2:
        return None
    four = np.array([particles[rows].sum(axis=0) for rows in jets])
    masses = _mass(four)
    light, heavy = np.argsort(masses, kind="stable")
    together = float(_mass(four.sum(axis=0)))
    shapes = [tau21(particles[jets[i]]) for i in (light, heavy)]
    return [together, float(masses[light]), float(masses[heavy] - masses[light]), *shapes]


def tau21(particles: Floats) -> float:
    """N-subjettiness of two axes over that of one (arXiv 1011.2268, beta 1), on the axes of exclusive kt jets."""
    if len(particles) < 2:
        return 0.0
    pt, y, phi = _places(particles)
    spread = []
    for count in (1, 2):
        _, there, turn = _places(exclusive_axes(particles, count))
        around = (phi[:, None] - turn + np.pi) % (2 * np.pi) - np.pi
        spread.append(float((pt * np.hypot(y[:, None] - there, around).min(axis=1)).sum()))
    return spread[1] / max(spread[0], 1e-12)


def _mass(four: Floats) -> Floats:
    square = four[..., 3] ** 2 - (four[..., :3] ** 2).sum(axis=-1)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def _places(four: Floats) -> tuple[Floats, Floats, Floats]:
    """Transverse momentum, rapidity and azimuth."""
    px, py, pz, energy = four.T
    y = 0.5 * np.log(np.maximum(energy + pz, 1e-12) / np.maximum(energy - pz, 1e-12))
    return np.hypot(px, py), y, np.arctan2(py, px)
