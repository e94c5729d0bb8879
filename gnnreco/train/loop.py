"""The training loop."""

from __future__ import annotations

import csv
import io
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.numpy import load_file, save

from gnnreco.bundle import save_bundle
from gnnreco.bundle.files import MANIFEST
from gnnreco.columns import Event, JetBlock
from gnnreco.errors import BadConfig, BadInput
from gnnreco.files.atomic import refuse, write_file
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.kernels import threads
from gnnreco.progress import Progress
from gnnreco.schema import plain
from gnnreco.tasks.contract import AnyLearner, Learner, Surveyed

from .checkpoint import Position, identity, load_checkpoint, save_checkpoint
from .config import NotFinite, Stopped, TrainConfig
from .flat import names_of, to_device
from .ring import Ring, join_ring
from .samples import Samples

Read = TypeVar("Read", bound=Event | JetBlock)

LAST = "last.safetensors"
LOG = logging.getLogger(__name__)  # a line an epoch


@dataclass
class Run:
    """One training under way: what its functions share."""

    task: AnyLearner
    config: TrainConfig
    folder: Path  # checkpoints and metrics
    ring: Ring
    optimizer: torch.optim.Optimizer
    training: Samples[Any]
    validation: Samples[Any]
    counts: tuple[int, int]  # training and validation events of all processes
    names: list[str]  # of the numbers beside the loss
    same: JsonDict
    position: Position
    progress: Progress | None
    stop: list[int] = field(default_factory=list)  # the signal that came, if one did
    began: float = field(default_factory=time.monotonic)


def train(
    task: Learner[Read, Any],
    training: Sequence[Read],
    validation: Sequence[Read],
    config: TrainConfig,
    output: str | Path,
    command: str = "",
    resume: bool = False,
    progress: Progress | None = None,
    overwrite: bool = False,
    prepared: bool = False,
) -> JsonDict:
    """Train a task and save it as a bundle.

    The order of events and all random numbers follow from ``config.seed``, the epoch and the event, so a training
    that is stopped (by a signal, or a crash) and resumed gives the same bits as one that was not. Under torchrun
    each process takes its share of the events and gradients are averaged.

    Parameters
    ----------
    task : Learner
        See `gnnreco.tasks.contract`.
    training, validation : sequence of Event, or of JetBlock
        With truth. The validation loss chooses the best epoch, without such events the training loss, and against an
        adversary it is the last one.
    config : TrainConfig
    output : path
        Folder of the bundle; ``training/`` in it gets ``metrics.csv`` (a row an epoch) and the checkpoints.
    command : str
        Written to the manifest.
    resume : bool
        Go on from the checkpoint in `output`.
    progress : callable, optional
        ``progress(what, done, total)``.
    overwrite : bool
        Replace a bundle, or a training that was stopped, in `output`.
    prepared : bool
        The task has learned already what its `prepare` learns from these events.

    Returns
    -------
    dict
        ``epochs, best_epoch, training_loss, validation_loss, seconds, bundle``; of a task that is `Surveyed` also
        ``survey`` of the validation events (without them, of those it learned from), as it stands in the manifest.

    Raises
    ------
    NotFinite
        A loss or gradient that is not a number; names the event.
    Stopped
        SIGINT or SIGTERM came; the state is saved.
    BadConfig, BadInput
        No events, no truth, nothing to resume from, or something in `output` that must not be replaced.
    """
    began = time.monotonic()
    output = Path(output)
    if not resume:
        refuse(output / MANIFEST, overwrite)
        if (output / "training" / LAST).exists() and not overwrite:
            why = "holds a training; go on with resume=True, or replace it with overwrite=True"
            raise BadInput(output, f"training/{LAST}", why)
    with join_ring() as ring, _repeatable(config):
        if len(training) < ring.size:
            raise BadConfig(
                f"{len(training)} training events are too few for {ring.size} processes; name more events"
            )
        run = _set_up(
            task, training, validation, config, output / "training", ring, resume, prepared, progress
        )
        with _signals(run.stop), _tensorboard(run) as board:
            while run.position.epoch < config.epochs and not _stale(run):
                _epoch(run)
                _finish_epoch(run, board)
        row = run.position.history[run.position.best_epoch - 1]
        task.load_state(load_file(run.folder / "best.safetensors"))
        row = row | dict(task.finish(run.validation[i] for i in range(len(run.validation))) or {})
        survey: JsonDict = {}
        if ring.rank == 0:
            if isinstance(task, Surveyed):
                unseen: Sequence[Any] = validation if len(validation) else training
                survey = {"survey": task.survey(unseen[i] for i in range(len(unseen)))}
            what = {"command": command, "events": len(training), "validation_events": len(validation)}
            save_bundle(
                output,
                task.name,
                plain(task.config),
                task.state(),
                task.detector,
                {**what, **plain(config)},
                row | survey,
            )
        ring.wait()
    return {
        "epochs": run.position.epoch,
        "best_epoch": run.position.best_epoch,
        "training_loss": row["training_loss"],
        "validation_loss": row["validation_loss"],
        "seconds": round(time.monotonic() - began, 1),
        "bundle": str(output),
        **survey,
    }


def _set_up(
    task: Learner[Read, Any],
    training: Sequence[Read],
    validation: Sequence[Read],
    config: TrainConfig,
    folder: Path,
    ring: Ring,
    resume: bool,
    prepared: bool,
    progress: Progress | None,
) -> Run:
    """Prepare the task (the first process does, the others read what it learned), the optimizer and the samples."""
    progress = progress if ring.rank == 0 else None
    names_of(task.sample_kind)  # refuses a task that learns nothing, before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    last, same = folder / LAST, identity(task, config, len(training), ring.size)
    optimizer = torch.optim.AdamW(
        task.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    if not resume and ring.rank == 0:
        if not prepared:
            task.prepare(training, progress)
        save_checkpoint(last, task, optimizer, Position(), same)
    ring.wait()
    position = load_checkpoint(last, task, optimizer, same, config.device)
    cache = Path(config.cache) if config.cache else None
    learn, check = (
        Samples(task, events, range(ring.rank, len(events), ring.size), cache, progress)
        for events in (training, validation)
    )
    with torch.no_grad():
        names = sorted(task.loss(to_device(learn[0], config.device))[1])
    counts = (len(training), len(validation))
    return Run(task, config, folder, ring, optimizer, learn, check, counts, names, same, position, progress)


def _epoch(run: Run) -> None:
    """The steps of one epoch that are still to do."""
    position, config, ring = run.position, run.config, run.ring
    steps = _steps(run)
    order = np.random.default_rng([config.seed, position.epoch, ring.rank]).permutation(len(run.training))
    shares = np.array_split(order, steps)
    run.task.network.train()
    while position.step < steps:
        for group in run.optimizer.param_groups:
            group["lr"] = _rate(run, position.step)
        _step(run, shares[position.step])
        position.step += 1
        if run.progress:
            mean = position.sums["loss"] / position.sums["events"]
            run.progress(f"epoch {position.epoch + 1}, loss {mean:.4g}", position.step, steps)
        stopped = ring.add([float(bool(run.stop))])[0] > 0
        due = (
            config.checkpoint_every and position.step % config.checkpoint_every == 0 and position.step < steps
        )
        if (stopped or due) and ring.rank == 0:
            save_checkpoint(run.folder / LAST, run.task, run.optimizer, position, run.same)
        if stopped:
            raise Stopped(
                f"stopped in epoch {position.epoch + 1} after step {position.step} of {steps}; go on with resume=True"
            )


def _step(run: Run, share: np.ndarray) -> None:
    """One step of the optimizer on this process's share of a batch."""
    task, config, position = run.task, run.config, run.position
    run.optimizer.zero_grad(set_to_none=True)
    total = int(run.ring.add([float(len(share))])[0])
    sums = dict.fromkeys(["events", "loss", *run.names], 0.0)
    for i in share:
        _seed(config.seed, position.epoch, run.ring.rank, int(i))
        loss = _loss(run, run.training, int(i), sums)
        (loss / total).backward()
    run.ring.add_gradients(task.network)
    norm = torch.nn.utils.clip_grad_norm_(task.network.parameters(), config.clip or math.inf)
    if not torch.isfinite(norm):
        raise NotFinite("the gradient", [run.training.origin[int(i)] for i in share], position.epoch + 1)
    run.optimizer.step()
    for name, value in zip(sums, run.ring.add(list(sums.values())), strict=True):
        position.sums[name] = position.sums.get(name, 0.0) + value


def _loss(run: Run, samples: Samples[Any], i: int, sums: dict[str, float]) -> torch.Tensor:
    """Loss of one event, added to `sums` with the numbers beside it."""
    sample = to_device(samples[i], run.config.device)
    with torch.autocast(
        torch.device(run.config.device).type, torch.bfloat16, enabled=run.config.precision == "bf16"
    ):
        loss, numbers = run.task.loss(sample)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NotFinite("the loss", [samples.origin[i]], run.position.epoch + 1)
    for name, number in {"events": 1.0, "loss": value, **numbers}.items():
        sums[name] += number
    return loss


def _finish_epoch(run: Run, board: Any) -> None:
    """Validate, write the row of metrics, keep the best weights, save."""
    position, ring = run.position, run.ring
    row = {"epoch": float(position.epoch + 1), "learning_rate": _rate(run, _steps(run) - 1)}
    sums = dict.fromkeys(["events", "loss", *run.names], 0.0)
    run.task.network.eval()
    with torch.no_grad():
        for i in range(len(run.validation)):
            _loss(run, run.validation, i, sums)
    sums = dict(zip(sums, ring.add(list(sums.values())), strict=True))
    for part, values in (
        ("training", position.sums),
        ("validation", sums if run.counts[1] else position.sums),
    ):
        row |= {f"{part}_{name}": values[name] / values["events"] for name in ("loss", *run.names)}
    position.history.append(row)
    position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
    # Against an adversary the loss is that of a game: it says nothing of who has learned more.
    if row["validation_loss"] < position.best or run.task.adversarial:
        position.best, position.best_epoch = row["validation_loss"], position.epoch
        if ring.rank == 0:
            write_file(run.folder / "best.safetensors", save(_contiguous(run.task)))
    if ring.rank == 0:
        save_checkpoint(run.folder / LAST, run.task, run.optimizer, position, run.same)
        text = io.StringIO()
        table = csv.DictWriter(text, list(row), lineterminator="\n")
        table.writeheader()
        table.writerows({**past, "epoch": int(past["epoch"])} for past in position.history)
        write_file(run.folder / "metrics.csv", text.getvalue())
        LOG.info("epoch %d of %d: %s", position.epoch, run.config.epochs, _brief(run, row))
    for name, value in row.items():
        if board is not None and name != "epoch":
            board.add_scalar(name.replace("_", "/", 1), value, position.epoch)
    ring.wait()


def _brief(run: Run, row: JsonMapping) -> str:
    """The losses of an epoch."""
    parts = ("training", "validation") if run.counts[1] else ("training",)
    losses = ", ".join(f"{part} loss {row[f'{part}_loss']:.4g}" for part in parts)
    return f"{losses}, {time.monotonic() - run.began:.0f} s since the start"


def _steps(run: Run) -> int:
    """Steps in one epoch."""
    return math.ceil(run.counts[0] / max(run.config.batch, run.ring.size))


def _rate(run: Run, step: int) -> float:
    """Learning rate of a step of this epoch."""
    steps = _steps(run)
    return run.config.rate((run.position.epoch * steps + step) / (run.config.epochs * steps))


def _contiguous(task: AnyLearner) -> JsonDict:
    return {name: np.ascontiguousarray(array) for name, array in task.state().items()}


def _stale(run: Run) -> bool:
    """True once `patience` epochs brought no better validation loss."""
    return 0 < run.config.patience <= run.position.epoch - run.position.best_epoch


def _seed(*numbers: int) -> None:
    """Random numbers of one event in one epoch: the same however the training got there."""
    torch.manual_seed(int(np.random.SeedSequence(list(numbers)).generate_state(1)[0]))


@contextmanager
def _repeatable(config: TrainConfig) -> Iterator[None]:
    """Only algorithms that repeat their sums bit by bit, where torch has them; what was set before comes back."""
    # Its types do not know the switch. Filling new memory finds faults of torch itself, and takes a third of the time.
    deterministic: Any = torch.utils.deterministic
    before, fill = torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(devices=[]), threads(config.threads or torch.get_num_threads()):
            yield
    finally:
        torch.use_deterministic_algorithms(before)
        deterministic.fill_uninitialized_memory = fill


@contextmanager
def _signals(came: list[int]) -> Iterator[None]:
    """Note SIGINT and SIGTERM in `came`, for the end of the step; a second one acts at once."""
    if threading.current_thread() is not threading.main_thread():  # signals are the caller's affair
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: object) -> None:
        came.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _tensorboard(run: Run) -> Iterator[Any]:
    if not run.config.tensorboard or run.ring.rank > 0:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise BadConfig("train.tensorboard needs TensorBoard: pip install 'gnnreco[tensorboard]'") from error
    with SummaryWriter(str(run.folder / "tensorboard")) as writer:
        yield writer
