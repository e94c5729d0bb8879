"""Raw events in, files of tracks and clusters out: every event once, none lost."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gnnreco import __version__
from gnnreco.bundle import Bundle, default_bundles, load_bundle
from gnnreco.errors import BadBundle, BadInput
from gnnreco.events import EventSource, open_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.onnx_bundle import load_onnx
from gnnreco.reconstruct import manifest
from gnnreco.reconstruct import workers as where
from gnnreco.reconstruct.folder import MANIFEST, Output, claim_for_tasks
from gnnreco.reconstruct.shard import Account, Cost, Job, Shard, short_names

__all__ = ["reconstruct"]

Progress = Callable[[int, int], None]
BLOCK, BLOCKS = 1 << 14, 64


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
    overwrite: bool = False,
    format: str = "parquet",
    any_detector: bool = False,
    clusters: bool = True,
    engine: str = "native",
    command: str = "",
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
        Folder to write. One that holds an output is refused, unless `resume` or `overwrite` says what to do with it.
    workers, dask : int, str
        Local processes, or the address of a Dask scheduler instead.
    threads : int
        Of each process. Another number can change the last bits of `score`, since sums are then taken in other parts.
    shard : (i, n), optional
        Do part ``i`` (from 0) of ``n`` equal parts; the last one to end writes ``manifest.json`` for all. Parts of one
        output have the same inputs, bundle, detector, options and ``n``.
    resume : bool
        Keep the shards that are there and whole, byte for byte, and that come from the same job.
    overwrite : bool
        Replace what another job left in `output`, and, without `resume`, what this one did.
    format : {"parquet", "root"}
    any_detector : bool
        Allow a bundle that was trained on another detector.
    clusters : bool
        False leaves the cells of the hits unread: for files whose clusters look unlike those of the training.
    engine : {"native", "onnx"}
        What runs the network: kernels of our own, or ONNX Runtime; then `bundles` may also be what `gnnreco deploy` wrote.
    command : str
        Written to the manifest.
    progress : callable (events done, events in all), optional

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    BadInput, BadGeometry, BadBundle
        If nothing can be read, the bundle does not fit, or `output` holds something else.
    CannotWrite
        If the disk is full. What was done until then is kept for `resume`.

    Examples
    --------
    >>> import gnnreco
    >>> manifest = gnnreco.reconstruct("events", "telescope", "tracking-telescope", "out")
    >>> manifest["events_out"], manifest["events_failed"]
    (4, 0)
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
        wrong = ", ".join(map(str, names)) or "bundles"
        raise BadBundle(wrong, f"one bundle for each task; these are for {', '.join(tasks) or 'none'}")
    source = open_events(list(paths), geometry, truth=False)
    sums = manifest.file_sums(source.select(_part(len(source), shard)).files)
    content, n = _content_of(source), shard[1] if shard else 1
    run = where.dask(dask) if dask else where.here if workers == 1 else where.processes(workers)
    folder = _prepare(Path(output))
    shape = {"engine": engine, "threads": threads, "clusters": clusters, "format": format}
    options = shape | {"any_detector": any_detector, "shard": shard and f"{shard[0]}/{n}"}
    cost = {"workers": dask or workers, "threads": threads, "engine": engine}
    parts = {}
    for (bundle, by), name in zip(opened, names, strict=True):
        job = Job(paths, str(detector), str(name), threads, any_detector, clusters, "", engine)
        sources = {"inputs": content, "detector": geometry.hash, "bundle": bundle.manifest["sha256"]}
        same = {"gnnreco": __version__, **sources, **shape, "engine": by, "parts": n}
        given = {"detector": str(detector), "bundle": str(name), **options}
        place = folder if len(loaded) == 1 else _prepare(folder / bundle.task)
        how = {"command": command, "options": given, "job": same, **cost}
        parts[bundle.task] = _Part(source, sums, geometry, bundle, job, Output(place, shard, same), how)
    if len(parts) > 1:
        claim_for_tasks(folder, tasks, overwrite)
    plans = {task: part.claim(resume, overwrite) for task, part in parts.items()}
    if len(parts) > 1:
        (folder / MANIFEST).unlink(missing_ok=True)
    done = {task: part.reconstruct(run, *plans[task], progress) for task, part in parts.items()}
    if len(done) == 1:
        return done[tasks[0]][0]
    if all(whole is not None for _, whole in done.values()):
        manifest.write(
            folder, manifest.of_tasks({task: whole for task, (_, whole) in done.items() if whole}), None
        )
    return manifest.of_tasks({task: content for task, (content, _) in done.items()})


Plan = tuple[list[Shard], dict[Shard, Account]]


@dataclass(frozen=True)
class _Part:
    """What one bundle does with the inputs, in a folder of its own."""

    source: EventSource
    sums: dict[str, dict[str, Any]]
    detector: Detector
    bundle: Bundle
    job: Job
    output: Output
    how: dict[str, Any]

    def claim(self, resume: bool, overwrite: bool) -> Plan:
        """Plan the shards and claim their folder; returns the plan and what is finished."""
        plan = self._plan()
        return plan, self.output.claim(plan, resume, overwrite)

    def reconstruct(
        self,
        run: where.Runner,
        plan: Sequence[Shard],
        finished: dict[Shard, Account],
        progress: Progress | None,
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Do the shards that are due, write and return the manifest, and that of all parts once they are there."""
        begin = time.perf_counter()
        job = replace(self.job, identity=self.output.identity)
        todo = [shard for shard in plan if shard not in finished]
        try:
            costs = _run(run, job, todo, finished, self.output, progress)
        except BaseException:
            if not finished:  # nothing to go on from
                self.output.close()
            raise
        how = {**self.how, "seconds": time.perf_counter() - begin}
        results = sorted(finished.items(), key=lambda item: item[0].start)
        content = manifest.describe(self.source, self.sums, self.bundle, self.detector, results, costs, how)
        whole = manifest.write(self.output.folder, content, self.output.part)
        self.output.close()
        return content, whole

    def _plan(self) -> list[Shard]:
        """Cut the events into files. Their number depends on that of the events only, never on the workers."""
        events = _part(len(self.source), self.output.part)
        size = min(512, max(8, -(-len(self.source) // 64)))
        numbers, names, plan = self.source.numbers, short_names(self.source.sources), []
        same = {key: value for key, value in self.output.job.items() if key not in ("inputs", "parts")}
        for start in range(events.start, events.stop, size):
            stop = min(start + size, events.stop)
            files = [self.sums[str(f)]["sha256"] for f in self.source.select(range(start, stop)).files]
            chosen = tuple(numbers[start:stop])
            shape = json.dumps([same, files, chosen, names[start:stop]], sort_keys=True)
            file = self.output.folder / f"shard-{start:08d}.{self.output.job['format']}"
            plan.append(Shard(start, stop, chosen, str(file), hashlib.sha256(shape.encode()).hexdigest()))
        return plan


def _open(name: str | Path, engine: str) -> tuple[Bundle, str]:
    """A bundle, and a sum over what runs its network."""
    if engine == "native":
        return load_bundle(name), engine
    exported = load_onnx(name)
    return exported.bundle, exported.identity


def _run(
    run: where.Runner,
    job: Job,
    todo: list[Shard],
    finished: dict[Shard, Account],
    output: Output,
    progress: Progress | None,
) -> list[Cost]:
    """Run what is left to do; adds to `finished`, returns the costs."""
    done = sum(a.events_in for a in finished.values())
    total, costs = done + sum(len(s.numbers) for s in todo), []
    with closing(run(job, todo)) as results:  # workers end with the loop, whatever ends it
        for shard, account, cost in results:
            if account.sha256:
                output.note(shard, account)
            finished[shard] = account
            costs.append(cost)
            done += account.events_in
            if progress:
                progress(done, total)
    return costs


def _part(n: int, shard: tuple[int, int] | None) -> range:
    index, count = shard or (0, 1)
    return range(n * index // count, n * (index + 1) // count)


def _content_of(source: EventSource) -> str:
    """Sum over the events of all inputs: their names, their numbers, and of each file its size and what is at many places.

    Every part of a ``--shard`` job takes it, so a large file is not read whole; its own files a part sums up whole.
    """
    digest = hashlib.sha256(json.dumps([short_names(source.sources), source.numbers]).encode())
    for file in source.files:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            digest.update(f" {size} ".encode())
            for start in range(0, size, max(BLOCK, size // BLOCKS)):
                stream.seek(start)
                digest.update(stream.read(BLOCK))
    return digest.hexdigest()


def _prepare(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise BadInput(folder, "", "is a file; name a folder to write to")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
