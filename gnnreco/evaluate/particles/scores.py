"""Scores found particles against targets: rates and confusion of classes, energies, calibration, jets, missing momentum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from gnnreco.columns import PARTICLE_CLASSES, Event, Floats, ReconstructedParticles
from gnnreco.columns.arrays import eta_of
from gnnreco.errors import BadInput
from gnnreco.events.select import in_source_frame
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.statistics import COVERAGE

from . import jets
from .balance import DEFINITIONS as BALANCE_DEFINITIONS
from .balance import balance, balance_figures
from .classes import DEFINITIONS as CLASS_DEFINITIONS
from .classes import FoundTable, TargetTable, class_figures
from .matching import CHARGED_WINDOW, NEUTRAL_WINDOW, match_particles
from .quantiles import FEWEST
from .targets import ParticleTarget, Targets, TargetsOf, four_vectors

DEFINITIONS = {
    "matching": "found particles and targets are paired one to one, charged ones with charged ones (charged hadrons, "
    "electrons, muons) and neutral ones with neutral ones (photons, neutral hadrons), whatever the class. Charged: "
    f"{CHARGED_WINDOW.describe()}. Neutral: {NEUTRAL_WINDOW.describe()}. Of all ways to pair, the one with the largest sum "
    "of 1 - cost; cost: mean of (distance / limit)^2 and (ln(energy ratio) / ln(factor))^2",
    **CLASS_DEFINITIONS,
    **BALANCE_DEFINITIONS,
    **jets.DEFINITIONS,
    "intervals": f"{100 * COVERAGE:.0f} %: Clopper-Pearson for rates, bootstrap for medians and widths; of fewer than "
    f"{FEWEST} values there is neither median nor width",
    "seconds": "hits in to particles out, from the manifest of reconstruct",
}


@dataclass(slots=True)
class ParticleScores:
    """Collects events one by one, then answers with figures; memory grows with particles.

    Parameters
    ----------
    target : ParticleTarget
        What is counted in rates. Jets and sums take every target and every found particle.
    algorithms : tuple of str
        Keys of `jets.ALGORITHMS`: the jets that are found where FastJet is installed.
    """

    target: ParticleTarget = field(default_factory=ParticleTarget)
    algorithms: tuple[str, ...] = tuple(jets.ALGORITHMS)
    events: int = 0
    _targets: list[TargetTable] = field(default_factory=list)
    _found: list[FoundTable] = field(default_factory=list)
    _balance: list[Floats] = field(default_factory=list)
    _jets: dict[str, list[tuple[Floats, int]]] = field(default_factory=dict)

    def add(self, targets: Targets, particles: ReconstructedParticles) -> None:
        """Compare the particles of one event with its targets."""
        true, ours = four_vectors(targets), four_vectors(particles)
        pairs = match_particles(ours, particles.class_index, true, targets.pdg_class)
        back, taken = np.full((2, len(true)), -1, np.int64)
        for rows, of in ((pairs.target, back), (pairs.other, taken)):
            of[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        said = np.append(particles.class_index, -1)
        energy, sigma = (np.append(values, np.nan) for values in (particles.energy, particles.energy_sigma))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, pull = energy[back] / targets.energy, (energy[back] - targets.energy) / sigma[back]
        self._targets.append(
            TargetTable(
                kind=targets.pdg_class.astype(np.int64),
                energy=targets.energy,
                eta=eta_of(*true[:, :3].T),
                counted=self.target.passed(true),
                found=back >= 0,
                found_kind=said[np.where(back >= 0, back, taken)],
                ratio=ratio,
                pull=pull,
            )
        )
        self._found.append(
            FoundTable(
                kind=particles.class_index.astype(np.int64),
                energy=particles.energy,
                eta=eta_of(*ours[:, :3].T),
                counted=self.target.passed(ours),
                true_kind=np.append(targets.pdg_class, -1)[pairs.target].astype(np.int64),
                probability=particles.class_probability,
                score=particles.score,
            )
        )
        self._balance.append(balance(ours, true))
        if jets.installed():
            for name in self.algorithms:
                self._jets.setdefault(name, []).append(jets.compare_jets(ours, true, name))
        self.events += 1

    @property
    def tables(self) -> list[tuple[TargetTable, FoundTable]]:
        """What was kept of the targets and found particles of each event."""
        return list(zip(self._targets, self._found, strict=True))

    @property
    def balances(self) -> list[Floats]:
        """The row of `balance` of each event."""
        return list(self._balance)

    def jet_rows(self, algorithm: str) -> list[Floats]:
        """The rows of `jets.compare_jets` of each event; none without FastJet."""
        return [rows for rows, _ in self._jets.get(algorithm, [])]

    def result(self, algorithm: str = "antikt") -> JsonDict:
        """All figures of the events so far, as the JSON of `evaluate` holds them.

        Parameters
        ----------
        algorithm : str
            A key of `jets.ALGORITHMS`: whose figures stand at the top as ``jet_resolution_iqr`` and the like.
        """
        targets, found = TargetTable.joined(self._targets), FoundTable.joined(self._found)
        out = class_figures(targets, found)
        out |= balance_figures(np.concatenate([np.zeros((0, 7)), *self._balance]))
        by_algorithm = {
            name: jets.jet_figures(
                np.concatenate([np.zeros((0, 3)), *(rows for rows, _ in each)]),
                sum(n for _, n in each),
                name,
            )
            for name, each in self._jets.items()
        }
        head = by_algorithm.get(algorithm, {})
        out["jets"] = by_algorithm
        out |= {key: head.get(key) for key in jets.HEADLINE} | {"jet_algorithm": algorithm}
        warnings = [] if jets.installed() else [jets.HOW]
        if self.events and not out["targets"]:
            warnings.append(
                f"no target particle: of {len(targets.kind):,} targets none has {self.target.describe()}; "
                "change that with min_energy="
            )
        out["warnings"] = warnings
        return out


def score_particles(
    pairs: Iterable[tuple[Event, ReconstructedParticles]],
    detector: Detector,
    target: ParticleTarget | None = None,
    algorithm: str = "antikt",
    targets_of: TargetsOf | None = None,
) -> JsonDict:
    """Score any found particles, ours or a peer's, against the targets of their events.

    Parameters
    ----------
    pairs : iterable of (Event, ReconstructedParticles)
    detector : Detector
    target : ParticleTarget, optional
        What is counted in rates.
    algorithm : {"antikt", "durham", "genkt"}
        Whose jets stand at the top of the result.
    targets_of : callable, optional
        Gives the targets of an event, in the frame of the detector's source, and the detector there; by default those that
        particle flow is trained for.

    Returns
    -------
    dict
        The keys that `evaluate --json` writes for particle flow, without the timing.

    Raises
    ------
    BadInput
        An event without truth (or, by default, without `Truth.fates`), or a particle with a number that is not finite.
    """
    target, wanted = target or ParticleTarget(), targets_of or _of_the_task()
    scores, there = ParticleScores(target), detector.at_source()
    for event, particles in pairs:
        check_particles(event, particles)
        scores.add(wanted(in_source_frame(event, detector.source), there), particles)
    spoken = {"target": f"targets of {target.describe()}", "particles": target.describe()}
    return {"events": scores.events, "definitions": spoken | DEFINITIONS, **scores.result(algorithm)}


def _of_the_task() -> TargetsOf:
    from gnnreco.tasks.particleflow import targets  # here, since the package of the task loads torch

    return targets.targets_of


def check_particles(event: Event, particles: ReconstructedParticles) -> None:
    """Raise `BadInput` where numbers cannot be those of particles of this event."""
    where = f"event {event.number}"
    for name in ("px", "py", "pz", "energy", "energy_sigma"):
        if not np.isfinite(getattr(particles, name)).all():
            why = f"a particle has {name} that is not finite; reconstruct again"
            raise BadInput(event.source, where, why)
    kind = particles.class_index
    if len(kind) and not (kind.min() >= 0 and kind.max() < len(PARTICLE_CLASSES)):
        why = f"a particle has pdg_class {kind.min()} to {kind.max()}, there are {len(PARTICLE_CLASSES)} classes"
        raise BadInput(event.source, where, f"{why}; reconstruct again")
