"""Raw events in, files of tracks and clusters out: every event once, none lost."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gnnreco import __version__
from gnnreco.bundle import Bundle, default_bundles, load_bundle
from gnnreco.errors import BadBundle, BadInput
from gnnreco.events import EventSource, open_events
from gnnreco.events.output_file import read_note
from gnnreco.geometry import Detector, load_detector
from gnnreco.onnx_bundle import load_onnx
from gnnreco.reconstruct import manifest
from gnnreco.reconstruct import workers as where
from gnnreco.reconstruct.shard import Account, Cost, Job, Shard

__all__ = ["reconstruct"]

Progress = Callable[[int, int], None]


def reconstruct(
    inputs: str | Path | Sequence[str | Path],
    detector: str | Path,
    bundles: str | Path | Sequence[str | Path] | None,
    output: str | Path,
    *,
    workers: int = 1,
    dask: str | None = None,
    threads: int = 1,
    shard: tuple[int, int] | None = None,
    resume: bool = False,
    format: str = "parquet",
    any_detector: bool = False,
    clusters: bool = True,
    engine: str = "native",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Reconstruct events and write ``shard-*.parquet`` and ``manifest.json``.

    Several bundles write into a folder of `output` each, by the name of their task; ``manifest.json`` beside these
    then lists them under ``tasks``, and so does what is returned. A task sees the hits of those subsystems that measure
    what it works on; rows of hits always count all hits of the event as its file orders them.

    The files are the same, byte for byte, whatever the number of workers. An event that fails is counted and
    reported in the manifest under ``failures``; the others go on. What makes a result worth little though nothing
    failed, such as hits that lie in no sensor, is said under ``warnings``.

    Parameters
    ----------
    inputs : path, glob, or several
        Anything `gnnreco.events.open_events` reads.
    detector : name or path
    bundles : name, path, or several
        Shipped, or folders; one bundle for each task. None: `gnnreco.bundle.default_bundles` chooses.
    output : path
        Folder to write; an earlier output in it is replaced.
    workers, dask : int, str
        Local processes, or the address of a Dask scheduler instead.
    threads : int
        Of each process. Another number can change the last bits of `score`, since sums are then taken in other parts.
    shard : (i, n), optional
        Do part ``i`` (from 0) of ``n`` equal parts; the last one to end writes ``manifest.json`` for all.
    resume : bool
        Keep the shards that are there and whole, and that come from the same inputs, bundle and detector.
    format : {"parquet", "root"}
    any_detector : bool
        Allow a bundle that was trained on another detector.
    clusters : bool
        False leaves the cells of the hits unread: for files whose clusters look unlike those of the training.
    engine : {"native", "onnx"}
        What runs the network: kernels of our own, or ONNX Runtime; then `bundles` may also be what `gnnreco deploy` wrote.
    progress : callable (events done, events in all), optional

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    BadInput, BadGeometry, BadBundle
        If nothing can be read, or the bundle does not fit.
    """
    geometry = load_detector(detector)
    if bundles is None:
        bundles = list(default_bundles(geometry))
    names = [bundles] if isinstance(bundles, str | Path) else list(bundles)
    paths = tuple(map(str, [inputs] if isinstance(inputs, str | Path) else inputs))
    opened = [_open(name, engine) for name in names]
    loaded = [bundle for bundle, _ in opened]
    if not any_detector:
        for bundle in loaded:
            bundle.check_detector(geometry)
    tasks = [bundle.task for bundle in loaded]
    if len(set(tasks)) < len(tasks) or not tasks:
        wrong = ", ".join(map(str, names)) or "--bundle"
        raise BadBundle(wrong, f"one bundle for each task; these are for {', '.join(tasks) or 'none'}")
    source = open_events(list(paths), geometry, truth=False)
    sums = manifest.file_sums(source.select(_part(len(source), shard)).files)
    run = where.dask(dask) if dask else where.here if workers == 1 else where.processes(workers)
    how = {"workers": dask or workers, "threads": threads, "engine": engine}
    folder, parts = _prepare(Path(output)), {}
    if len(loaded) > 1:
        _clear(folder, [], keep_others=False)
    for (bundle, by), name in zip(opened, names, strict=True):
        job = Job(paths, str(detector), str(name), threads, any_detector, clusters, "", engine)
        place = folder if len(loaded) == 1 else _prepare(folder / bundle.task)
        part = _Part(source, sums, geometry, bundle, by, job, place, format, shard, resume)
        parts[bundle.task] = part.reconstruct(run, how, progress)
    if len(parts) == 1:
        return parts[tasks[0]]
    whole = manifest.of_tasks(parts)
    manifest.write(folder, whole, None)
    return whole


@dataclass(frozen=True)
class _Part:
    """What one bundle does with the inputs, in a folder of its own."""

    source: EventSource
    sums: dict[str, dict[str, Any]]
    detector: Detector
    bundle: Bundle
    by: str
    job: Job
    folder: Path
    format: str
    shard: tuple[int, int] | None
    resume: bool

    def reconstruct(
        self, run: where.Runner, how: dict[str, Any], progress: Progress | None
    ) -> dict[str, Any]:
        """Do the shards that are due, write and return the manifest."""
        begin = time.perf_counter()
        plan = _plan(self.source, self.shard, self.folder, self.format, self.identity)
        _clear(self.folder, plan if self.resume else [], keep_others=self.shard is not None)
        finished = {s: a for s in plan if (a := _finished(s)) is not None} if self.resume else {}
        job = replace(self.job, identity=self.identity(list(self.sums)))
        costs, timed = _run(run, job, [s for s in plan if s not in finished], finished, progress)
        how = {**how, "seconds": time.perf_counter() - begin}
        results = sorted(finished.items(), key=lambda item: item[0].start)
        content = manifest.describe(
            self.source, self.sums, self.bundle, self.detector, results, costs, timed, how
        )
        manifest.write(self.folder, content, self.shard)
        return content

    def identity(self, files: Sequence[str]) -> str:
        """Sum over all that decides what comes out."""
        shape = [__version__, self.detector.hash, self.bundle.manifest["sha256"], self.job.clusters, self.by]
        parts = [*shape, *(self.sums[file]["sha256"] for file in files)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _open(name: str | Path, engine: str) -> tuple[Bundle, str]:
    """A bundle, and a sum over what runs its network."""
    if engine == "native":
        return load_bundle(name), engine
    exported = load_onnx(name)
    return exported.bundle, exported.identity


def _run(
    run: where.Runner, job: Job, todo: list[Shard], finished: dict[Shard, Account], progress: Progress | None
) -> tuple[list[Cost], int]:
    """Run what is left to do; adds to `finished`, returns the costs and the number of events they cover."""
    done = sum(a.events_in for a in finished.values())
    total, costs, timed = done + sum(len(s.numbers) for s in todo), [], 0
    for shard, account, cost in run(job, todo):
        finished[shard] = account
        costs.append(cost)
        timed += account.events_out
        done += account.events_in
        if progress:
            progress(done, total)
    return costs, timed


def _part(n: int, shard: tuple[int, int] | None) -> range:
    index, count = shard or (0, 1)
    return range(n * index // count, n * (index + 1) // count)


def _plan(
    source: EventSource,
    shard: tuple[int, int] | None,
    folder: Path,
    format: str,
    identity: Callable[[list[str]], str],
) -> list[Shard]:
    """Cut the events into files. Their number depends on that of the events only, never on the workers."""
    events = _part(len(source), shard)
    size = min(512, max(8, -(-len(source) // 64)))
    numbers, plan = source.numbers, []
    for start in range(events.start, events.stop, size):
        stop = min(start + size, events.stop)
        files = [str(f) for f in source.select(range(start, stop)).files]
        chosen = tuple(numbers[start:stop])
        fingerprint = hashlib.sha256(f"{identity(files)} {chosen}".encode()).hexdigest()
        plan.append(Shard(start, stop, chosen, str(folder / f"shard-{start:08d}.{format}"), fingerprint))
    return plan


def _prepare(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise BadInput(folder, "", "is a file; name a folder to write to")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _clear(folder: Path, keep: Sequence[Shard], keep_others: bool) -> None:
    """Remove an earlier output, so that no event is there twice; jobs of a `--shard` run keep the others'."""
    names = {Path(shard.file).name for shard in keep}
    if not keep_others:
        for pattern in ("shard-*.parquet", "shard-*.root", "manifest*.json"):
            for file in folder.glob(pattern):
                if file.name not in names:
                    file.unlink()


def _finished(shard: Shard) -> Account | None:
    """The account of a shard whose file is whole and comes from the same inputs, bundle and detector."""
    note = read_note(shard.file)
    return Account.from_note(note) if note.get("fingerprint") == shard.fingerprint else None
