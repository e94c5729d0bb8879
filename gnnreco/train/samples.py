"""Prepared events: graphs and targets cost far more than a training step, so each is built once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from gnnreco.columns import Event, JetBlock
from gnnreco.errors import BadInput
from gnnreco.files.atomic import write_file
from gnnreco.progress import Progress
from gnnreco.schema import plain
from gnnreco.tasks.contract import Learner, truth_of

from .flat import flatten, names_of, unflatten
from .upstream import FoundWhenAsked

Read = TypeVar("Read", bound=Event | JetBlock)
Sample = TypeVar("Sample")


class Samples(Generic[Sample]):
    """What `task.sample` gives for some events, in memory or in one safetensors file each.

    Parameters
    ----------
    task : Learner
        Already prepared.
    events : sequence of Event, or of JetBlock
        With truth where the task needs it; each is read once.
    rows : range
        Which of them belong to this process.
    folder : path or None
        Where files are kept. Their names hold a hash of the event and of everything in the task that shapes a
        sample, so one folder serves many trainings and never gives a stale graph.
    progress : callable, optional
        Told after each event.

    Raises
    ------
    BadInput
        For an event without truth, where the task learns from it.
    """

    def __init__(
        self,
        task: Learner[Read, Sample],
        events: Sequence[Read],
        rows: range,
        folder: Path | None,
        progress: Progress | None = None,
    ) -> None:
        self.origin: list[tuple[int, str]] = []
        self._kept: list[Sample | Path] = []
        self._kind = task.sample_kind
        recipe = _recipe(task) if folder else b""
        for done, row in enumerate(rows):
            event = events[row]
            if task.needs_truth:
                _require_truth(event)
            self.origin.append((event.number, event.source))
            if folder is None:
                self._kept.append(task.sample(event))
            else:
                self._kept.append(_stored(task, event, folder / f"{_digest(recipe, event)}.safetensors"))
            if progress:
                progress("prepare events", done + 1, len(rows))

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, i: int) -> Sample:
        kept = self._kept[i]
        return unflatten(self._kind, load_file(kept)) if isinstance(kept, Path) else kept


def _stored(task: Learner[Read, Sample], event: Read, path: Path) -> Path:
    """Make sure of a readable file for the event."""
    try:
        if path.exists() and unflatten(task.sample_kind, load_file(path)):
            return path
    except (SafetensorError, OSError, ValueError):  # cut short by a full disk, say: build it again
        pass
    tensors = flatten(task.sample(event))
    write_file(path, save({name: tensor.contiguous().clone() for name, tensor in tensors.items()}))
    return path


def _recipe(task: Learner[Read, Sample]) -> bytes:
    """Hash of what shapes a sample: settings, detector, and learned numbers."""
    settings = {name: plain(part) for name, part in task.sample_settings.items()}
    what = [task.name, settings, task.detector and task.detector.hash, names_of(task.sample_kind)]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    for name, array in sorted(task.sample_state.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _require_truth(event: Event | JetBlock) -> None:
    if isinstance(event, Event):
        truth_of(event)
    elif not event.labelled:
        raise BadInput(
            event.source, f"event {event.number}", "has no true classes: nothing to learn from; leave it out"
        )


def _digest(recipe: bytes, event: Event | JetBlock) -> str:
    digest = hashlib.sha256(recipe)
    if isinstance(event, Event) and isinstance(event.found, FoundWhenAsked):
        digest.update(event.found.identity)
    for column in _columns(event):
        digest.update(b"none" if column is None else np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _columns(event: Event | JetBlock) -> list[NDArray[np.generic] | None]:
    """Everything in an event that may shape a sample."""
    if isinstance(event, JetBlock):
        jets = event.jets
        of_jet = [jets.features, jets.label, jets.jet_pt, jets.jet_mass]
        return [jets.offsets, jets.pt, jets.eta, jets.phi, *of_jet]
    hits, truth = event.hits, event.truth
    columns: list[NDArray[np.generic] | None] = [
        hits.hit_id,
        hits.x,
        hits.y,
        hits.z,
        hits.sensor,
        hits.var_u,
        hits.var_v,
        hits.time,
        hits.energy,
    ]
    if hits.deposits is not None:
        columns += [hits.deposits.offsets, hits.deposits.u, hits.deposits.v, hits.deposits.value]
    if truth is not None:
        p = truth.particles
        columns += [truth.hit, truth.particle, p.particle_id, p.charge, p.vx, p.vy, p.vz, p.px, p.py, p.pz]
    return columns
