"""One pass over raw events: cut into lots, run, noted in the folder of each task, and told in a manifest."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gnnreco import __version__
from gnnreco.errors import BadInput, GnnrecoError, Stopped
from gnnreco.events import EventSource, open_events
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector, load_detector
from gnnreco.pipeline import Bundles, Engine, Stage, choose

from . import manifest
from .company import Company
from .folder import MANIFEST, Claim, Output, claim_for_tasks, suffix
from .integrity import content_of, sketch_of
from .job import Account, Cost, InputSum, Job, Lot, Shard
from .observe import Listener
from .observe.watch import Watch
from .shard import changed_at, input_sum, short_names
from .workers import stop
from .workers.case import Runner, here
from .workers.cluster import dask as dask_cluster
from .workers.processes import EVENT_TIMEOUT_S, processes

Progress = Callable[[int, int], None]


def reconstruct(
    inputs: str | Path | Sequence[str | Path],
    detector: str | Path,
    bundles: Bundles,
    output: str | Path,
    *,
    workers: int = 1,
    dask: str | None = None,
    threads: int = 1,
    shard: tuple[int, int] | None = None,
    resume: bool = False,
    redo_failed: bool = False,
    overwrite: bool = False,
    columns: str = "",
    format: str = "parquet",
    any_detector: bool = False,
    cells: bool = True,
    engine: Engine = "native",
    scorer: str | Path | None = None,
    memory_gib: float | None = None,
    event_timeout: float = EVENT_TIMEOUT_S,
    command: str = "",
    progress: Progress | None = None,
    log: Listener | None = None,
    clusters: bool | None = None,
) -> JsonDict:
    """Reconstruct events and write ``shard-*.parquet`` and ``manifest.json``.

    Each event is read once, and the tasks see it one after the other: those that need what others find come after them.
    Several bundles write into a folder of `output` each, by the name of their task (or by that of the bundle, where several
    score anomalies); ``manifest.json`` beside these
    then lists them under ``tasks``, and so does what is returned. A task sees the hits of those subsystems that measure
    what it works on; rows of hits always count all hits of the event as its file orders them.

    The files are the same, byte for byte, whatever the number of workers. An event that fails is counted and
    reported in the manifest under ``failures``; the others go on. So is one at which worker
    processes die or hang, as of kind ``Quarantined``: it is tried once more alone, then left out, also by later runs.
    What makes a result worth little though nothing failed, such as hits that lie in no sensor, is said under ``warnings``.

    Parameters
    ----------
    inputs : path, glob, or several
        Anything `gnnreco.events.open_events` reads.
    detector : name or path
    bundles : name, path, or several
        Shipped, or folders; one bundle for each task (of anomalies several). None: `gnnreco.bundle.default_bundles` chooses.
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
    redo_failed : bool
        With `resume`: do those again in which an event failed or was quarantined.
    overwrite : bool
        Replace what another job left in `output`, and, without `resume`, what this one did.
    columns : str
        Of your own tables: which of their columns are which of ours, with their units (``x=hit_x[cm],...``), as in
        `gnnreco.open_events`.
    format : {"parquet", "root"}
    any_detector : bool
        Allow a bundle that was trained on another detector.
    cells : bool
        False leaves the cells under the hits unread: for files whose cells look unlike those of the training.
    engine : {"native", "onnx"}
        What runs the network: kernels of our own, or ONNX Runtime; then `bundles` may also be what `gnnreco deploy` wrote.
    scorer : path, optional
        A network of your own in ONNX, in place of that of the bundle for tracks: see `gnnreco.bundle.edge_scorer`.
    memory_gib : float, optional
        Most that a local process may hold, GiB; an event that needs more fails. One process then works beside this one.
    event_timeout : float
        Seconds after which a worker process is said to hang at an event.
    command : str
        Written to the manifest.
    progress : callable (events done, events in all), optional
        Called whenever a file is done.
    log : callable (news), optional
        Called with each of the news of the job: see `gnnreco.reconstruct.observe.JsonLog` and `Textfile` beside it.
    clusters : bool, optional
        The old name of `cells`; it goes with the next release.

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
    Stopped
        If SIGTERM came: the current event was finished, and all that was done is kept for `resume`.

    Examples
    --------
    >>> import gnnreco
    >>> manifest = gnnreco.reconstruct("events", "telescope", "tracking-telescope", "out")
    >>> manifest["events_out"], manifest["events_failed"]
    (4, 0)
    """
    if clusters is not None:
        warnings.warn("clusters= of reconstruct is now called cells=", DeprecationWarning, stacklevel=2)
        cells = clusters
    geometry = load_detector(detector)
    paths = tuple(map(str, [inputs] if isinstance(inputs, str | Path) else inputs))
    brings = functools.partial(_brought, paths, geometry, columns)
    stages = choose(geometry, bundles, any_detector, engine, scorer, brings)
    source = open_events(list(paths), geometry, truth=False, columns=columns, keep_damaged=True)
    if len(source.damaged) == len(source):
        raise source.damaged[0]
    sketches, n = {str(file): sketch_of(file) for file in source.files}, shard[1] if shard else 1
    content = content_of(source, sketches)
    folder = _prepare(Path(output))
    # Records of outputs keep the old name of `cells`, so that those that are there can be resumed.
    shape = {"engine": engine, "threads": threads, "clusters": cells, "format": format}
    if columns:
        shape["columns"] = columns
    options = shape | {"any_detector": any_detector, "shard": shard and f"{shard[0]}/{n}"}
    cost = {"workers": dask or workers, "threads": threads, "engine": engine}
    call = {
        "inputs": list(paths),
        "detector": str(detector),
        "bundles": [stage.given for stage in stages],
        **options,
        "shard": shard,
        "scorer": scorer and str(scorer),
        "workers": workers,
        "memory_gib": memory_gib,
        "event_timeout": event_timeout,
    }
    of_run = {
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "started": time.time(),
        "folder": str(Path.cwd()),
    }
    events = _part(len(source), shard)
    about = {"call": call, **of_run, "events": len(events), "range": [events.start, events.stop]}
    parts = []
    for stage in stages:
        sources = {"inputs": content, "detector": geometry.hash, "bundle": stage.bundle.manifest["sha256"]}
        same = {"gnnreco": __version__, **sources, **shape, "engine": stage.engine, "parts": n}
        if stage.needs.found:
            same["after"] = [s.bundle.manifest["sha256"] for s in stages[: stages.index(stage)]]
        given = {"detector": str(detector), "bundle": stage.given, **options}
        asked: JsonDict = {}
        if stage.scorer:
            file, total = stage.scorer
            same, given = same | {"scorer": total}, given | {"scorer": file}
            asked = {"scorer": {"path": file, "sha256": total}}
        place = folder if len(stages) == 1 else _prepare(folder / stage.name)
        how = {"command": command, "options": given, "job": same, **cost, **asked, "about": about}
        parts.append(_Part(source, sketches, geometry, stage, Output(place, shard, same, about), how))
    if len(parts) > 1:
        claim_for_tasks(folder, [stage.name for stage in stages], overwrite)
    try:
        for part in parts:
            part.claim(resume, overwrite, redo_failed)
        if len(parts) > 1:
            (folder / MANIFEST).unlink(missing_ok=True)
        identities = tuple(part.output.identity for part in parts)
        names = tuple(stage.given for stage in stages)
        scored = next((stage.scorer for stage in stages if stage.scorer), None)
        plain = paths, str(detector), names, threads, any_detector, cells, identities, engine, columns
        job = Job(*plain, source.brings, scored)
        todo = _todo(parts)
        start = about | {"output": str(output), "part": options["shard"], "workers": dask or workers}
        start["job"] = hashlib.sha256("".join(identities).encode()).hexdigest()
        report = folder / f"report{suffix(shard)}.json"
        plans = [(part.stage.name, part.plan, part.finished) for part in parts]
        watching = Watch(report, start, plans, todo, log, not resume)
        with Company(geometry, stages), watching as watch:
            if dask:
                run = dask_cluster(dask, event_timeout, tick=watch.tick)
            elif workers == 1 and memory_gib is None and not any(part.deadly for part in parts):
                run = here(geometry, watch.tick)
            else:  # what has killed a process before is given to one that may die
                run = processes(workers, memory_gib=memory_gib, event_timeout=event_timeout, tick=watch.tick)
            _run(run, job, parts, todo, progress, watch)
            return _describe(folder, parts)
    finally:
        for part in parts:
            part.output.release()


def _brought(paths: Sequence[str], detector: Detector, columns: str) -> tuple[type, ...]:
    """What events have in ``found`` when they are read; nothing where they cannot be opened, which is said later."""
    try:
        return open_events(list(paths), detector, truth=False, columns=columns, keep_damaged=True).brings
    except GnnrecoError:
        return ()


def _describe(folder: Path, parts: Sequence[_Part]) -> JsonDict:
    """Write and return the manifest: of the only task, or of all."""
    done = {part.stage.name: part.describe() for part in parts}
    if len(done) == 1:
        ((content, _),) = done.values()
        return content
    own = manifest.of_tasks({task: content for task, (content, _) in done.items()})
    whole = {task: of_all for task, (_, of_all) in done.items() if of_all is not None}
    if len(whole) < len(done):
        return own
    told = manifest.of_tasks(whole)
    manifest.write(folder, told, None)
    return told if parts[0].output.part is None else own


@dataclass
class _Part:
    """What one stage does with the inputs, in a folder of its own: its plan, what is finished, what that cost."""

    source: EventSource
    sketches: dict[str, str]
    detector: Detector
    stage: Stage
    output: Output
    how: JsonDict
    plan: list[Shard] = field(default_factory=list)
    finished: dict[Shard, Account] = field(default_factory=dict)
    begun: dict[Shard, int] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    deadly: bool = False
    sums: dict[str, InputSum] = field(default_factory=dict)

    def claim(self, resume: bool, overwrite: bool, redo_failed: bool) -> None:
        """Plan the shards, claim their folder, and find out what is finished."""
        self.plan = self._plan()
        claim: Claim = self.output.claim(self.plan, resume, overwrite, redo_failed)
        self.finished, self.begun, self.deadly = claim.finished, claim.begun, claim.deadly
        changed = self._changed(claim.inputs)
        for done in (self.finished, self.begun):
            for shard in [s for s in done if not changed.isdisjoint(self._files(s))]:
                del done[shard]

    def _changed(self, known: Mapping[str, InputSum]) -> set[str]:
        """The files of what is done that are not any more what was read; the sums of all of them are kept."""
        changed = set()
        for file in dict.fromkeys(f for s in (*self.finished, *self.begun) for f in self._files(s)):
            told = known.get(file)
            same = told is not None and told["mtime_ns"] == changed_at(file)
            self.sums[file] = told if same and told else input_sum(file)
            # Of what was read in parts from another machine there is no sum: another version is another file.
            if told and not same and (not told["sha256"] or told["sha256"] != self.sums[file]["sha256"]):
                changed.add(file)
        return changed

    def _files(self, shard: Shard) -> list[str]:
        """The files that hold the events of a shard."""
        return list(map(str, self.source.select(range(shard.start, shard.stop)).files))

    def note(self, shard: Shard, account: Account, cost: Cost) -> None:
        """Keep what became of a shard."""
        if account.sha256:
            self.output.note(shard, account)
        self.sums |= account.inputs
        if account.events_in == len(shard.numbers):
            self.finished[shard] = account
        else:
            self.begun[shard] = account.events_in
        self.costs.append(cost)

    def describe(self) -> tuple[JsonDict, JsonDict | None]:
        """Write and return the manifest, and that of all parts of ``--shard`` once they are there."""
        results = sorted(self.finished.items(), key=lambda item: item[0].start)
        files = self.source.select(_part(len(self.source), self.output.part)).files
        sums = {str(f): self.sums[str(f)] if str(f) in self.sums else input_sum(str(f)) for f in files}
        content = manifest.describe(
            self.source, sums, self.stage, self.detector, results, self.costs, self.how
        )
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
            files = [self.sketches[str(f)] for f in self.source.select(range(start, stop)).files]
            chosen = tuple(numbers[start:stop])
            shape = json.dumps([same, files, chosen, names[start:stop]], sort_keys=True)
            file = self.output.folder / f"shard-{start:08d}.{self.output.job['format']}"
            plan.append(Shard(start, stop, chosen, str(file), hashlib.sha256(shape.encode()).hexdigest()))
        return plan


def _run(
    run: Runner,
    job: Job,
    parts: Sequence[_Part],
    todo: Sequence[Lot],
    progress: Progress | None,
    watch: Watch,
) -> None:
    """Make what is left to do, all tasks in one pass; every part keeps what became of its shards."""
    of = {shard: part for part in parts for shard in part.plan}
    begin, total = time.perf_counter(), sum(len(shard.numbers) for shard in parts[0].plan)
    done = total - sum(len(lot.due[0].numbers) for lot in todo)
    try:
        with (
            stop.listening(),
            closing(run(job, todo)) as results,
        ):  # workers end with the loop, whatever ends it
            for result in results:
                for shard, account, cost in result:
                    of[shard].note(shard, account, cost)
                done += result[0][1].events_in
                watch.add(result)
                if progress:
                    progress(done, total)
    except BaseException:
        for part in parts:
            if not part.finished and not part.begun:  # nothing to go on from
                part.output.close()
        raise
    for part in parts:
        part.how |= {"seconds": time.perf_counter() - begin}
    if any(len(part.finished) < len(part.plan) for part in parts):
        raise Stopped(parts[0].output.folder, done, total)


def _todo(parts: Sequence[_Part]) -> list[Lot]:
    """The lots of which a file is due, with the events that an earlier run has done of them."""
    source = parts[0].source
    places, names = source.places, short_names(source.sources)
    lots = []
    for shards in zip(*(part.plan for part in parts), strict=True):
        due = [None if s in part.finished else s for part, s in zip(parts, shards, strict=True)]
        begun = {part.begun.get(s, 0) for part, s in zip(parts, shards, strict=True) if s in due}
        if begun:
            events = range(shards[0].start, shards[0].stop)
            files = tuple(map(str, source.select(events).files))
            opened = tuple(dict.fromkeys(str(f) for i in events for f in source.hit_files(i)))
            cut = slice(events.start, events.stop)
            first = begun.pop() if len(begun) == 1 else 0
            lots.append(Lot(tuple(due), files, opened, tuple(places[cut]), tuple(names[cut]), first))
    return lots


def _part(n: int, shard: tuple[int, int] | None) -> range:
    index, count = shard or (0, 1)
    return range(n * index // count, n * (index + 1) // count)


def _prepare(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise BadInput(folder, "", "is a file; name a folder to write to")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
