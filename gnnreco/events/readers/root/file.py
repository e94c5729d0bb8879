"""ROOT files, opened and read so that any fault of a file becomes `BadInput`, and flat columns out of their trees."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.errors import BadInput, MissingTool
from gnnreco.files.limits import EVENTS, GROUP_VALUES, TEXT_BYTES
from gnnreco.files.remote import RemoteFile

Answer = TypeVar("Answer")

MAGIC = b"root"
TREES = ("TTree", "ROOT::RNTuple")
#: What RNTuple was called while its format still changed: uproot reads none of those.
EXPERIMENTAL = "ROOT::Experimental::RNTuple"
#: Bytes that the part of a branch with the events that are read at once may unpack to.
UNPACKED = TEXT_BYTES
#: Bytes of all columns that are read at once, about; and events, however small.
BATCH_BYTES, BATCH_EVENTS = 32 << 20, 1000


class Ragged(NamedTuple):
    """One column of several events.

    Attributes
    ----------
    offsets : int64 (n_events + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of `values` belong to event ``i``.
    values : (m,) or (m, k)
    """

    offsets: Ints
    values: NDArray

    def __getitem__(self, event: int | slice) -> NDArray:  # type: ignore[override]
        assert isinstance(event, int)
        return self.values[self.offsets[event] : self.offsets[event + 1]]


class _Latest(threading.local):
    """The file that a thread read last stays open: to read its structure takes as long as to read a small file."""

    key: tuple[str | int, ...] = ()
    file: Any = None

    def close(self) -> None:
        file, self.file, self.key = self.file, None, ()
        if file is not None:
            file.close()


_latest = _Latest()


def guarded(path: Path, read: Callable[[Any], Answer]) -> Answer:
    """Open a file, if it is not the one that was read last, and read from it.

    Parameters
    ----------
    path : Path
    read : callable
        Takes the open file of uproot.

    Raises
    ------
    BadInput
        Any fault of the file.
    MissingTool
        uproot is not installed.
    """
    try:
        import uproot
    except ModuleNotFoundError:
        raise MissingTool("uproot", "is not installed: pip install 'gnnreco[root]'") from None
    try:
        about = path.stat()
        key = str(path.absolute()), about.st_ino, about.st_mtime_ns, about.st_size, os.getpid()
        if _latest.key != key:
            _latest.close()
            if isinstance(path, RemoteFile):
                _latest.file = uproot.open(path.open("rb"))
            else:
                _latest.file = uproot.open(path, handler=uproot.MemmapSource)
            if _latest.file.file.fEND > about.st_size:
                raise BadInput(path, "", "cut off: its end is missing; fetch the file again")
            _latest.key = key
        return read(_latest.file)
    except BadInput:
        _latest.close()
        raise
    except FileNotFoundError:
        raise BadInput(path, "", "does not exist; check the path") from None
    except MemoryError:
        _latest.close()
        raise BadInput(path, "", "damaged (asks for more memory than there is); fetch it again") from None
    # A damaged file can fail in any of the many layers of the reader of ROOT files.
    except Exception as error:
        _latest.close()
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise BadInput(path, "", f"damaged or cut off ({reason}); fetch the file again") from None


def trees_of(file: Any) -> dict[str, set[str]]:
    """Names of the trees and RNTuples of an open file, without their cycles, and what each holds at its top."""
    found: dict[str, set[str]] = {}
    for name, kind in file.classnames(recursive=True).items():
        if kind in TREES:
            found.setdefault(name.split(";")[0], set(file[name].keys(recursive=False)))
    return found


def not_read(branches: set[str], read: Iterable[str], others: Iterable[str] = ()) -> dict[str, int]:
    """What is left aside of every event: other trees, and branches, those of one prefix together; each counted once."""
    unknown = sorted(branches - set(read))
    prefixes = Counter(name.split("_")[0] for name in unknown)
    # The counter of a list is no column of its own.
    counters = {f"n{name}" for name in (*branches, *prefixes)}
    named = {f"branches {p}_*" if n > 1 else f"branch {p}" for p, n in prefixes.items() if p not in counters}
    return dict.fromkeys([*sorted(named), *others], 1)


def is_tree(tree: Any) -> bool:
    """Whether it is a TTree; an RNTuple otherwise."""
    return hasattr(tree, "branches")


def checked_length(path: Path, tree: Any, name: str) -> int:
    """How many events a tree holds. Raises `BadInput` beyond any reason."""
    count = int(tree.num_entries)
    if not 0 <= count <= EVENTS:
        raise BadInput(path, name, f"says it holds {count:,} events, more than {EVENTS:,}; split it")
    return count


def batch_around(tree: Any, names: Iterable[str], row: int) -> tuple[int, int]:
    """The events that are read together with one: as many as fit into `BATCH_BYTES`, or the cluster of an RNTuple."""
    if not is_tree(tree):
        firsts = [int(c.num_first_entry) for c in tree.cluster_summaries]
        at = int(np.searchsorted(firsts, row, side="right")) - 1
        return firsts[at], firsts[at] + int(tree.cluster_summaries[at].num_entries)
    size = sum(int(branch.uncompressed_bytes) for branch in leaves(tree, names).values())
    count = int(tree.num_entries)
    step = int(np.clip(BATCH_BYTES * count // max(size, 1), 1, BATCH_EVENTS))
    first = row // step * step
    return first, min(first + step, count)


def leaves(tree: Any, names: Iterable[str]) -> dict[str, Any]:
    """Branches of a TTree that hold numbers, by their own names: those of the branches that are named."""
    found = {}
    for name in names:
        branch = tree[name]
        inner = branch.branches
        parts = {part.name: part for part in inner} if inner else {branch.name: branch}
        found.update({key.removesuffix("."): part for key, part in parts.items()})
    return found


def read_columns(tree: Any, names: Iterable[str], start: int, stop: int) -> dict[str, Ragged]:
    """Columns of the events ``start:stop``: of ``X`` with members their full names (``X.position.x``).

    Raises
    ------
    ValueError
        They would fill the memory.
    """
    if is_tree(tree):
        return _from_branches(leaves(tree, names), start, stop)
    there = set(tree.keys(recursive=False))  # of a thousand fields, a tenth of a second
    wanted = [name for name in names if name in there]
    _check_pages(tree, set(wanted), start, stop)
    found: dict[str, Ragged] = {}
    if not wanted:
        return found
    table = tree.arrays(wanted, entry_start=start, entry_stop=stop)
    for name in wanted:
        _flatten(name, table[name].layout, None, found)
    return found


def _from_branches(branches: dict[str, Any], start: int, stop: int) -> dict[str, Ragged]:
    found: dict[str, Ragged] = {}
    for name, branch in branches.items():
        size = unpacked(branch, start, stop)
        if size > UNPACKED:
            raise ValueError(f"{name} unpacks to {size:,} bytes for one event, more than {UNPACKED:,}")
        if type(branch.interpretation).__name__ in ("AsJagged", "AsDtype"):
            values = branch.array(library="ak", entry_start=start, entry_stop=stop)
            _flatten(name, values.layout, None, found)
    return found


def unpacked(branch: Any, start: int, stop: int) -> int:
    """Bytes that the baskets with the events ``start:stop`` unpack to; 0 where the format does not tell (RNTuple)."""
    if not hasattr(branch, "basket_uncompressed_bytes"):
        return 0
    edges = branch.entry_offsets
    first = int(np.searchsorted(edges, start, side="right")) - 1
    last = int(np.searchsorted(edges, stop, side="left"))
    inside = range(max(first, 0), min(last, branch.num_baskets))
    return sum(int(branch.basket_uncompressed_bytes(basket)) for basket in inside)


def _check_pages(ntuple: Any, wanted: set[str], start: int, stop: int) -> None:
    """Raise `ValueError` where clusters hold more numbers of some fields than memory should."""
    fields = ntuple.field_records

    def top(field: int) -> str:
        for _ in range(len(fields)):
            if fields[field].parent_field_id == field:
                break
            field = fields[field].parent_field_id
        return str(fields[field].field_name)

    columns = [i for i, c in enumerate(ntuple.column_records) if top(c.field_id) in wanted]
    for at, cluster in enumerate(ntuple.cluster_summaries):
        if cluster.num_first_entry < stop and start < cluster.num_first_entry + cluster.num_entries:
            pages = ntuple.page_link_list[at]
            total = sum(int(p.num_elements) for c in columns if c < len(pages) for p in pages[c].pages)
            if total > GROUP_VALUES:
                raise ValueError(f"cluster {at} holds {total:,} numbers, more than {GROUP_VALUES:,}")


def _flatten(name: str, layout: Any, offsets: Ints | None, found: dict[str, Ragged]) -> None:
    """Columns of an array of awkward: lists of events, records of members, numbers."""
    while type(layout).__name__ in ("IndexedArray", "UnmaskedArray"):
        layout = layout.project()
    if layout.is_record:
        for member in layout.fields:
            _flatten(f"{name}.{member}", layout[member], offsets, found)
    elif layout.is_list and offsets is None:
        layout = layout.to_ListOffsetArray64(True)
        edges = np.asarray(layout.offsets.data, np.int64)
        _flatten(name, layout.content[: int(edges[-1])], edges, found)
    elif layout.is_regular or layout.is_numpy:
        values = np.asarray(layout.to_backend_array())
        found[name] = Ragged(np.arange(len(values) + 1) if offsets is None else offsets, values)
    # Lists in lists, and texts, are none of the columns that are read.
