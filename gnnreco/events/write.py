"""Write events in a format of choice, all files or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from gnnreco.columns import Event, Hits, Truth
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.calochallenge import write_calochallenge
from gnnreco.events.parquet.writer import write_parquet
from gnnreco.files.atomic import refuse

if TYPE_CHECKING:
    from gnnreco.geometry import Detector

FORMATS = ("parquet", "trackml", "calochallenge")
PARQUET = "events-[0-9]*.parquet"
SHOWERS = "showers.hdf5"


def write_events(
    events: Iterable[Event],
    folder: str | Path,
    format: str = "parquet",
    detector: Detector | None = None,
    *,
    events_per_file: int = 50,
    progress: Callable[[int], None] | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write events to a folder; it holds all of them in the end, or none if anything fails.

    Parameters
    ----------
    events : iterable of Event
        Taken one at a time.
    folder : path
        Made where it is missing.
    format : {"parquet", "trackml", "calochallenge"}
        TrackML keeps no times, energies and variances; see `write_trackml`. The CaloChallenge keeps energies of
        voxels, and one particle an event; see `gnnreco.events.calochallenge.write_calochallenge`.
    detector : Detector, optional
        Whose rows ``hits.sensor`` are; the CaloChallenge needs it.
    events_per_file : int
        Of a Parquet file.
    progress : callable, optional
        Called with the number of events done, after each.
    overwrite : bool
        Replace an earlier result in `folder`: all of its Parquet files, its showers, or the TrackML files
        of the same events.

    Returns
    -------
    list of Path
        The files, in order.

    Raises
    ------
    BadInput
        The folder holds an earlier result that nobody asked to replace, or two events have the same number.
    BadConfig
        An unknown format, or no detector for one that needs it.
    """
    if format not in FORMATS:
        raise BadConfig(f"no event format '{format}'; there are: {', '.join(FORMATS)}")
    if events_per_file < 1:
        raise BadConfig(f"events_per_file is {events_per_file}; at least 1")
    if format == "calochallenge" and detector is None:
        raise BadConfig("format calochallenge: the energies of all voxels of a detector; name the detector")
    folder = Path(folder)
    one_job = {"parquet": {PARQUET}, "calochallenge": {SHOWERS}}.get(format)
    if one_job is not None:
        _earlier(folder, one_job, overwrite)  # before any event is made
    folder.mkdir(parents=True, exist_ok=True)
    counted = _counted(folder, events, progress)
    # Everything is written beside its place first: a full disk or a broken event leaves nothing behind.
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        if format == "parquet":
            for index, first in enumerate(counted):
                file = draft / f"events-{index:05d}.parquet"
                write_parquet(file, chain([first], islice(counted, events_per_file - 1)), detector)
        elif format == "calochallenge":
            assert detector is not None
            write_calochallenge(draft / SHOWERS, counted, detector)
        else:
            for event in counted:
                write_trackml(draft, event, detector)
        written = sorted(draft.iterdir())
        names = one_job or {f"{file.name.partition('-')[0]}-*.csv" for file in written}
        for file in _earlier(folder, names, overwrite):
            file.unlink()
        return [file.rename(folder / file.name) for file in written]
    finally:
        shutil.rmtree(draft)


def _earlier(folder: Path, patterns: Iterable[str], overwrite: bool) -> list[Path]:
    """Files of an earlier result; `BadInput` unless they may go."""
    there = sorted(file for pattern in patterns for file in folder.glob(pattern))
    for file in there:
        refuse(file, overwrite)
    return there


def write_trackml(folder: Path, event: Event, detector: Detector | None) -> None:
    """Write one event as TrackML CSV: ``event000000001-hits.csv`` and its siblings, as far as it has them.

    The labels ``volume_id, layer_id, module_id`` are those of the detector where it has them; else subsystem,
    layer and sensor id. A hit that several particles share has several truth rows, its weight in
    the first. Ids of particles are written as 64 bits without a sign, as ACTS does.

    Raises
    ------
    BadInput
        A particle has the id 0, which stands for noise in these files, and there is noise.
    """
    stem, hits = f"event{event.number:09d}", event.hits
    table = {"hit_id": hits.hit_id, "x": hits.x, "y": hits.y, "z": hits.z, **_labels(hits, detector)}
    _write_csv(folder / f"{stem}-hits.csv", table)
    if hits.deposits is not None:
        cells = hits.deposits
        owner = np.repeat(hits.hit_id, np.diff(cells.offsets))
        _write_csv(
            folder / f"{stem}-cells.csv",
            {"hit_id": owner, "ch0": cells.u, "ch1": cells.v, "value": cells.value},
        )
    if event.truth is not None:
        _write_truth(folder, stem, hits, event.truth)


def _labels(hits: Hits, detector: Detector | None) -> dict[str, NDArray[np.int64]]:
    rows = hits.sensor.astype(np.int64)
    names = ("volume_id", "layer_id", "module_id")
    if detector is None:
        return {}
    if all(name in detector.labels for name in names):
        columns: tuple[NDArray, ...] = tuple(detector.labels[name] for name in names)
    else:
        columns = (detector.subsystem, detector.layer, detector.sensor_id)
    return {
        name: np.where(rows >= 0, np.append(column, -1)[rows], -1)
        for name, column in zip(names, columns, strict=True)
    }


def _write_truth(folder: Path, stem: str, hits: Hits, truth: Truth) -> None:
    p = truth.particles
    kinematics = {name: getattr(p, name) for name in ("vx", "vy", "vz", "px", "py", "pz")}
    count = np.bincount(truth.particle, minlength=len(p))
    table = {
        "particle_id": p.particle_id.astype(np.int64).view(np.uint64),
        "particle_type": p.pdg,
        **kinematics,
        "q": p.charge,
        "nhits": count,
    }
    _write_csv(folder / f"{stem}-particles.csv", table)
    noise = np.flatnonzero(np.bincount(truth.hit, minlength=len(hits)) == 0)
    rows = np.concatenate([truth.hit, noise])
    if len(noise) and bool(np.any(p.particle_id == 0)):
        why = f"a particle has the id 0, by which TrackML means noise, and {len(noise)} hits are noise"
        raise BadInput(folder / f"{stem}-truth.csv", "", f"{why}; write Parquet (with format='parquet')")
    ids = np.concatenate([p.particle_id[truth.particle], np.zeros(len(noise), np.int64)]).view(np.uint64)
    order = np.argsort(rows, kind="stable")
    rows, ids = rows[order], ids[order]
    columns: dict[str, NDArray] = {"hit_id": hits.hit_id[rows], "particle_id": ids}
    if truth.weight is not None:
        again = np.diff(rows, prepend=-1) == 0
        columns["weight"] = np.where(again, 0.0, truth.weight[rows])
    _write_csv(folder / f"{stem}-truth.csv", columns)


def _write_csv(file: Path, columns: dict[str, NDArray]) -> None:
    with file.open("wb") as stream:
        stream.write(",".join(columns).encode() + b"\n")
        pacsv.write_csv(pa.table(columns), stream, pacsv.WriteOptions(include_header=False))


def _counted(
    folder: Path, events: Iterable[Event], progress: Callable[[int], None] | None
) -> Iterator[Event]:
    """Pass the events on; count them, and refuse a number that occurs twice: output is matched by it."""
    seen: set[int] = set()
    for event in events:
        if event.number in seen:
            raise BadInput(
                event.source,
                f"event {event.number}",
                f"another event in {folder} has this number; write each input to a folder of its own",
            )
        seen.add(event.number)
        yield event
        if progress is not None:
            progress(len(seen))
