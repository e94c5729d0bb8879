"""Events of TrackML files as pandas tables: one event by its prefix, or all of a folder or a zip archive.

`gnnreco.events` reads the same files as columns for the reconstruction, and checks them; here a table holds what the
file holds.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gnnreco.errors import BadInput
from gnnreco.files.limits import TEXT_BYTES

from .tables import need_pandas

if TYPE_CHECKING:
    from pandas import DataFrame

_INT, _LONG, _FLOAT = "i4", "i8", "f4"
HITS_DTYPES = {"hit_id": _INT} | dict.fromkeys("xyz", _FLOAT)
HITS_DTYPES |= dict.fromkeys(("volume_id", "layer_id", "module_id"), _INT)
CELLS_DTYPES = {"hit_id": _INT, "ch0": _INT, "ch1": _INT, "value": _FLOAT}
PARTICLES_DTYPES = {"particle_id": _LONG, "particle_type": _INT}
PARTICLES_DTYPES |= dict.fromkeys(("vx", "vy", "vz", "px", "py", "pz"), _FLOAT)
PARTICLES_DTYPES |= {"q": _INT, "nhits": _INT}
TRUTH_DTYPES = {"hit_id": _INT, "particle_id": _LONG}
TRUTH_DTYPES |= dict.fromkeys(("tx", "ty", "tz", "tpx", "tpy", "tpz", "weight"), _FLOAT)
#: Types of the columns of each table; a column that is not listed is read as what it looks like.
DTYPES = {
    "cells": CELLS_DTYPES,
    "hits": HITS_DTYPES,
    "particles": PARTICLES_DTYPES,
    "truth": TRUTH_DTYPES,
}
DEFAULT_PARTS = ["hits", "cells", "particles", "truth"]
#: What may follow ``.csv``, and how pandas calls it.
COMPRESSION = {"": None, ".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
#: ``train_1/event000001000-hits.csv.gz``; files that begin with ``._`` are leavings of macOS.
_ENDINGS = "|".join(map(re.escape, COMPRESSION))
_NAME = re.compile(rf"(?P<prefix>(?:.*/)?(?!\._)[^/]*event(?P<number>\d{{9}}))-[a-zA-Z]+\.csv(?:{_ENDINGS})")

StrPath = str | PathLike[str]


def load_event_hits(prefix: StrPath) -> DataFrame:
    """Hits of one event: ``hit_id, x, y, z`` (mm), ``volume_id, layer_id, module_id``; see `load_event`."""
    return _load_event_data(prefix, "hits")


def load_event_cells(prefix: StrPath) -> DataFrame:
    """Channels under the hits of one event: ``hit_id, ch0, ch1, value``; see `load_event`."""
    return _load_event_data(prefix, "cells")


def load_event_particles(prefix: StrPath) -> DataFrame:
    """True particles of one event: ``particle_id, particle_type, vx, vy, vz`` (mm), ``px, py, pz`` (GeV), ``q, nhits``.

    See `load_event`.
    """
    return _load_event_data(prefix, "particles")


def load_event_truth(prefix: StrPath) -> DataFrame:
    """Truth of each hit of one event: ``hit_id, particle_id, tx, ty, tz`` (mm), ``tpx, tpy, tpz`` (GeV), ``weight``.

    See `load_event`.
    """
    return _load_event_data(prefix, "truth")


def load_event(prefix: StrPath, parts: Sequence[str] = DEFAULT_PARTS) -> tuple[DataFrame, ...]:
    """Tables of one event.

    Parameters
    ----------
    prefix : str or path
        What the names of the event's files have in common: ``folder/event000001000``. The files may be compressed.
    parts : list of str
        Any of ``hits``, ``cells``, ``particles``, ``truth``.

    Returns
    -------
    tuple of pandas.DataFrame
        One for each part, in this order; columns are named as in the files, with the types of `DTYPES`.

    Raises
    ------
    BadInput
        A file is missing, there twice, or not a table of this kind.
    ValueError
        There is no such part.

    Examples
    --------
    >>> hits, truth = load_event("examples/events/event000000001", parts=["hits", "truth"])
    >>> len(hits), len(truth)
    (5527, 5527)
    """
    _require_parts(parts)
    return tuple(_load_event_data(prefix, part) for part in parts)


def load_dataset(
    path: StrPath,
    skip: int | None = None,
    nevents: int | None = None,
    parts: Sequence[str] = DEFAULT_PARTS,
) -> Iterator[tuple[Any, ...]]:
    """Events of a folder or a zip archive, one after the other; each is read when it is asked for.

    Parameters
    ----------
    path : str or path
        The folder itself, or an archive with the files anywhere in it.
    skip : int, optional
        Events to leave out at the beginning. Events are ordered by the names of their files.
    nevents : int, optional
        The most events to read.
    parts : list of str
        Any of ``hits``, ``cells``, ``particles``, ``truth``.

    Yields
    ------
    tuple
        The event's number (int), then a `pandas.DataFrame` for each part.

    Raises
    ------
    BadInput
        There is no such folder or archive, no event in it, or a file of an event is missing or damaged.
    ValueError
        There is no such part.
    """
    _require_parts(parts)
    path = Path(path)
    if path.is_dir():
        for prefix, number in _events(path, (file.name for file in path.iterdir()), skip, nevents):
            yield (number, *load_event(path / prefix, parts))
        return
    with _opened(path) as archive:
        for prefix, number in _events(path, archive.namelist(), skip, nevents):
            yield (number, *(_member(path, archive, prefix, part) for part in parts))


def _require_parts(parts: Sequence[str]) -> None:
    if isinstance(parts, str):
        raise ValueError(f"parts is a list, such as [{parts!r}]")
    for part in parts:
        if part not in DTYPES:
            raise ValueError(f"no part {part!r} of an event; there are {', '.join(DEFAULT_PARTS)}")


def _events(path: Path, names: Iterable[str], skip: int | None, nevents: int | None) -> list[tuple[str, int]]:
    """Prefix and number of the events that these files belong to, in the order of the prefixes."""
    found = {m["prefix"]: int(m["number"]) for m in map(_NAME.fullmatch, names) if m}
    if not found:
        raise BadInput(path, "", "no files of events, such as event000001000-hits.csv; check the path")
    return sorted(found.items())[skip:][:nevents]


def _load_event_data(prefix: StrPath, name: str) -> DataFrame:
    """One table of one event; some programs import it by this name."""
    start = f"{Path(prefix)}-{name}.csv"
    there = [Path(start + ending) for ending in COMPRESSION if Path(start + ending).is_file()]
    if not there:
        raise BadInput(
            start, "", "no such file, nor a compressed one (.gz); check the path, or ask for other parts"
        )
    if len(there) > 1:
        raise BadInput(start, "", f"there are {' and '.join(f.name for f in there)}; keep one of them")
    return _read(there[0], "", there[0], name, COMPRESSION[there[0].name.partition(".csv")[2]])


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise BadInput(path, "", "no such folder or zip archive; check the path") from None
    except OSError as error:
        raise BadInput(path, "", f"cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadInput(
            path, "", f"neither a folder nor a whole zip archive ({error}); fetch it again"
        ) from None


def _member(path: Path, archive: zipfile.ZipFile, prefix: str, name: str) -> DataFrame:
    """One table of one event in an archive."""
    start = f"{prefix}-{name}.csv"
    there = [start + ending for ending in COMPRESSION if start + ending in archive.NameToInfo]
    if not there:
        raise BadInput(path, start, "is not in the archive; ask for other parts")
    if archive.getinfo(there[0]).file_size > TEXT_BYTES:
        raise BadInput(path, there[0], f"unpacks to more than {TEXT_BYTES >> 20} MB; no event is so large")
    try:
        stream = archive.open(there[0])
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise BadInput(path, there[0], f"damaged or encrypted ({error}); fetch the archive again") from None
    with stream:
        return _read(path, there[0], stream, name, COMPRESSION[there[0][len(start) :]])


def _read(file: Path, where: str, source: Path | IO[bytes], name: str, compression: str | None) -> DataFrame:
    pandas = need_pandas()
    try:
        return pandas.read_csv(source, header=0, index_col=False, dtype=DTYPES[name], compression=compression)
    except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        why = f"not a whole table of {name} ({error}); check its columns, or fetch it again"
        raise BadInput(file, where, why) from None
