"""Branches of pairs of a vector and a code, ``vector<pair<TLorentzVector,int>>``, read from their bytes.

uproot would make Python code from the description of the class that the file brings; nothing in a file becomes code here.
ROOT writes such a branch member by member: a head with the number of pairs, all vectors, all codes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

from .file import UNPACKED, Ragged, unpacked

#: What ROOT calls the class of such a branch.
PAIRS = "vector<pair<TLorentzVector,int> >"
#: Head of an event: bytes that follow and a flag, version of the vector with the flag of member by member, version and
#: checksum of the pair, number of pairs.
HEAD = np.dtype([("size", ">u4"), ("how", ">u2"), ("pair", ">u2"), ("sum", ">u4"), ("count", ">u4")])
BY_MEMBER, SIZED = 0x4000, 0x40000000
#: A ``TLorentzVector``: size and version of it, its ``TObject``, the same of its ``TVector3``, then numbers in GeV.
VECTOR = np.dtype(
    [
        ("size", ">u4"),
        ("version", ">u2"),
        ("object", "V10"),
        ("size_3", ">u4"),
        ("version_3", ">u2"),
        ("object_3", "V10"),
        ("xyz", ">f8", 3),
        ("energy", ">f8"),
    ]
)
FRAME = {"size": SIZED | 60, "version": 4, "size_3": SIZED | 36, "version_3": 3}
CODE = np.dtype(">i4")


def read_pairs(branch: Any, start: int, stop: int) -> dict[str, Ragged]:
    """Momenta, energies and codes of the events ``start:stop``.

    Parameters
    ----------
    branch : uproot.TBranch
        Of the class `PAIRS`.
    start, stop : int

    Returns
    -------
    dict of Ragged
        ``px``, ``py``, ``pz``, ``energy`` (GeV) and ``pdgId``.

    Raises
    ------
    ValueError
        The bytes are no such pairs, or would fill the memory.
    """
    import uproot

    size = unpacked(branch, start, stop)
    if size > UNPACKED:
        raise ValueError(f"{branch.name} unpacks to {size:,} bytes for one event, more than {UNPACKED:,}")
    as_bytes = uproot.AsJagged(uproot.AsDtype("u1"))
    events = branch.array(as_bytes, entry_start=start, entry_stop=stop, library="np")
    pairs = [pairs_of(np.ascontiguousarray(event)) for event in events]
    offsets = np.cumsum([0, *(len(code) for _, code in pairs)])
    momentum = np.concatenate([np.empty((0, 4)), *(vectors for vectors, _ in pairs)])
    code = np.concatenate([np.empty(0, np.int64), *(code for _, code in pairs)])
    columns = dict(zip(("px", "py", "pz", "energy"), momentum.T, strict=True)) | {"pdgId": code}
    return {name: Ragged(offsets, values) for name, values in columns.items()}


def pairs_of(event: NDArray[np.uint8]) -> tuple[Floats, Ints]:
    """Vectors (n, 4) of px, py, pz and energy, GeV, and codes, of the bytes of one event. Raises `ValueError`."""
    if len(event) < HEAD.itemsize:
        raise ValueError("an event of too few bytes")
    head = event[: HEAD.itemsize].view(HEAD)[0]
    count, rest = int(head["count"]), event[HEAD.itemsize :]
    if len(rest) != count * (VECTOR.itemsize + CODE.itemsize) or head["size"] != SIZED | len(event) - 4:
        raise ValueError(f"{len(event)} bytes do not hold {count} pairs of a TLorentzVector and a code")
    edge = count * VECTOR.itemsize
    vectors = rest[:edge].view(VECTOR)
    if not head["how"] & BY_MEMBER or any((vectors[name] != value).any() for name, value in FRAME.items()):
        raise ValueError("pairs of a TLorentzVector and a code, written in another way than ROOT's usual one")
    momentum = np.column_stack([vectors["xyz"], vectors["energy"]]).astype(np.float64)
    return momentum, rest[edge:].view(CODE).astype(np.int64)
