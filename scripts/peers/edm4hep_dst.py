"""Tracks, clusters, particles and truth links of an EDM4hep file, as those of an LCIO file: what CLD's reconstruction writes today.

    events = list(read_edm4hep("CLD_REC.edm4hep.root"))

EDM4hep holds the same things as LCIO under other names: `Podio` shows its branches as collections of LCIO, so that all rules of
`gnnreco.events.readers.lcio` hold for both. Read are files of podio 0.17 and later in TTrees (branches ``_NAME_member``); hits
are not read. What links point at is seen from what they hold. Formats: github.com/key4hep/EDM4hep, github.com/AIDASoft/podio.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Ints
from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio import DstEvent
from gnnreco.events.readers.lcio.content import NOTHING, Collection, Content
from gnnreco.events.readers.lcio.dst import dst_of
from gnnreco.events.readers.lcio.found import choose, field_of, found_in
from gnnreco.events.readers.lcio.truth import MC, simulated
from gnnreco.events.readers.lcio.words import Table

#: Columns of LCIO, by their names in EDM4hep: all that are there are read; of several, the first.
XYZ = ("x", "y", "z")
COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "MCParticle": {
        "pdg": ("PDG",), "generator_status": ("generatorStatus",), "simulator_status": ("simulatorStatus",),
        "charge": ("charge",), "mass": ("mass",), "time": ("time",), "vertex": ("vertex",), "endpoint": ("endpoint",),
        "momentum": ("momentum",), "end_momentum": ("momentumAtEndpoint",),
    },
    "Track": {"chi2": ("chi2",), "ndf": ("ndf",), "type": ("type",)},
    "Cluster": {
        "energy": ("energy",), "energy_error": ("energyError",), "position": ("position",), "theta": ("iTheta", "ITheta"),
        "phi": ("iPhi", "phi"),
    },
    "ReconstructedParticle": {
        "type": ("PDG", "type"), "energy": ("energy",), "momentum": ("momentum",), "charge": ("charge",),
        "covariance": ("covMatrix.values[10]", "covMatrix[10]"),
    },
}  # fmt: skip
STATES = {
    "location": ("location",), "d0": ("D0",), "phi": ("phi",), "omega": ("omega",), "z0": ("Z0",),
    "tan_lambda": ("tanLambda",), "reference": ("referencePoint",),
    "covariance": ("covMatrix.values[21]", "covMatrix[21]", "covMatrix[15]"),
}  # fmt: skip
#: Lists of pointers: their names in LCIO and in EDM4hep.
MEMBERS = {
    "MCParticle": {"parents": "parents"},
    "ReconstructedParticle": {"tracks": "tracks", "clusters": "clusters", "particles": "particles"},
}
#: Which detector it is: these files do not say.
FIELDS = {2.0: "CLD", 3.5: "ILD"}
ENDS = (("from", "to"), ("rec", "sim"))
IDS = (
    ("events___CollectionTypeInfo/events___CollectionTypeInfo.collectionID", "events___CollectionTypeInfo/events___CollectionTypeInfo.name"),
    ("events___idTable/m_collectionIDs", "events___idTable/m_names"),
)  # fmt: skip


class Columns(Table):
    """Objects as columns that are arrays already."""

    def __init__(
        self, columns: dict[str, NDArray], lists: dict[str, tuple[Ints, Table]], length: int
    ) -> None:
        self.columns, self.lists, self.length = columns, lists, length

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def unsigned(self, name: str) -> NDArray[np.uint32]:
        """A column of pointers, tags or bits."""
        return self.columns[name].astype(np.int64).astype(np.uint32)

    def signed(self, name: str) -> NDArray[np.int32]:
        """A column of whole numbers."""
        return self.columns[name].astype(np.int32)

    def floats(self, name: str) -> Floats:
        """A column of real numbers."""
        return self.columns[name].astype(np.float64)


class Objects(Collection):
    """A collection that was read from columns."""

    def __init__(self, name: str, kind: str, parameters: dict[str, list[str]], table: Columns) -> None:
        self.name, self.kind, self.parameters, self.subset = name, kind, parameters, False
        self.length, self._table = len(table), table


class Podio(Content):
    """The collections of one event; an object's tag is its place among all that are read, from 1 on."""

    def __init__(self, file: Path, number: int, branches: dict[str, NDArray], ids: dict[int, str]) -> None:
        self.file, self.where, self.branches, self.ids = file, f"event {number}", branches, ids
        self._tags = {}
        self.kinds, self.first, start = {}, {}, 1
        for name, kind in kinds_of(branches).items():
            self.kinds[name], self.first[name] = kind, start
            start += self._length(name)
        found = [self._objects(name, kind) for name, kind in self.kinds.items()]
        self.collections = sorted((*found, *self._links()), key=lambda c: c.name)

    def _length(self, name: str) -> int:
        return max((len(v) for key, v in self.branches.items() if key.startswith(f"{name}.")), default=0)

    def _column(self, name: str, spelled: tuple[str, ...]) -> NDArray | None:
        """The first of some members of a branch that is there; members with x, y and z as one column of three."""
        for member in spelled:
            if f"{name}.{member}" in self.branches:
                return self.branches[f"{name}.{member}"]
            if f"{name}.{member}.x" in self.branches:
                return np.stack([self.branches[f"{name}.{member}.{axis}"] for axis in XYZ], axis=-1)
        return None

    def _columns(self, name: str, wanted: dict[str, tuple[str, ...]]) -> dict[str, NDArray]:
        read = {key: self._column(name, spelled) for key, spelled in wanted.items()}
        return {key: column for key, column in read.items() if column is not None}

    def _pointers(self, branch: str) -> NDArray[np.int64]:
        """Tags of the objects that a branch points at; `NOTHING` for those that are not read."""
        index, where = (
            self.branches[f"{branch}.{member}"].astype(np.int64) for member in ("index", "collectionID")
        )
        start = np.zeros(len(index), np.int64)
        for one in np.unique(where):
            start[where == one] = self.first.get(self.ids.get(int(one) & 0xFFFFFFFF, ""), 0)
        return np.where((index >= 0) & (start > 0), start + index, NOTHING)

    def _ragged(self, name: str, member: str, n: int) -> Ints:
        begin, end = (self.branches[f"{name}.{member}_{side}"].astype(np.int64) for side in ("begin", "end"))
        if n and not ((np.diff(begin) >= 0).all() and (begin[1:] == end[:-1]).all() and begin[0] == 0):
            raise BadInput(
                self.file, f"{self.where}, {name}", f"{member} are not in order; write the file again"
            )
        return np.concatenate([[0], end]).astype(np.int64)

    def _objects(self, name: str, kind: str) -> Objects:
        n = self._length(name)
        columns = {**self._columns(name, COLUMNS[kind]), "tag": self.first[name] + np.arange(n)}
        lists: dict[str, tuple[Ints, Table]] = {}
        for ours, theirs in MEMBERS.get(kind, {}).items():
            to = self._pointers(f"_{name}_{theirs}")
            lists[ours] = self._ragged(name, theirs, n), Columns({"to": to}, {}, len(to))
        if kind == "Track":
            states = self._columns(f"_{name}_trackStates", STATES)
            states["covariance"] = states["covariance"].reshape(len(states["d0"]), -1)[:, :15]
            lists["states"] = self._ragged(name, "trackStates", n), Columns(states, {}, len(states["d0"]))
        if kind == "Cluster":
            energy = self.branches[f"_{name}_subdetectorEnergies"]
            lists["subdetector_energies"] = (
                self._ragged(name, "subdetectorEnergies", n),
                Columns({"energy": energy}, {}, len(energy)),
            )
        return Objects(name, kind, {}, Columns(columns, lists, n))

    def _links(self) -> Iterator[Objects]:
        for key in [key for key in self.branches if key.endswith(".weight")]:
            name = key.removesuffix(".weight")
            ends = next(
                (e for e in ENDS if all(f"_{name}_{side}.index" in self.branches for side in e)), None
            )
            if ends is None:
                continue
            tags = [self._pointers(f"_{name}_{side}") for side in ends]
            kinds = [self._kind_at(tag) for tag in tags]
            if kinds[0] == MC:
                tags, kinds = tags[::-1], kinds[::-1]
            columns = {"from": tags[0], "to": tags[1], "weight": self.branches[key]}
            types = dict(zip(("FromType", "ToType"), [[kind] for kind in kinds], strict=True))
            yield Objects(name, "LCRelation", types, Columns(columns, {}, len(tags[0])))

    def _kind_at(self, tags: NDArray[np.int64]) -> str:
        """The kind of what is pointed at."""
        some = tags[tags != NOTHING][:1]
        inside = [
            kind
            for name, kind in self.kinds.items()
            if len(some) and 0 <= some[0] - self.first[name] < self._length(name)
        ]
        return inside[0] if inside else ""


def kinds_of(branches: dict[str, Any]) -> dict[str, str]:
    """Kind of each collection that is read, by what it has."""
    has = {
        "PDG": "",
        "simulatorStatus": MC,
        "trackStates_begin": "Track",
        "subdetectorEnergies_begin": "Cluster",
    }
    has |= {"covMatrix.values[10]": "ReconstructedParticle", "covMatrix[10]": "ReconstructedParticle"}
    found = {}
    for key in branches:
        name, _, member = key.partition(".")
        if has.get(member) and not name.startswith("_"):
            found[name] = has[member]
    return found


def read_edm4hep(path: str | Path, particles: str = "") -> Iterator[DstEvent]:
    """Read a file of EDM4hep with tracks, clusters and particles, event by event; see `gnnreco.events.readers.lcio.read_dst`."""
    with uproot.open(path) as file:
        events = file["events"]
        keys = events.keys(full_paths=False)
        ids: dict[int, str] = {}
        for number, name in IDS:
            table = file.get("podio_metadata")
            if table is not None and number in table and not ids:
                pairs = zip(
                    table[number].array(library="np")[0], table[name].array(library="np")[0], strict=True
                )
                ids = {int(k) & 0xFFFFFFFF: str(v) for k, v in pairs}
        names = kinds_of(dict.fromkeys(keys))
        needed = [k for k in keys if _of(k, names) and not events[k].keys()]
        bz: float | None = None
        for row in range(events.num_entries):
            arrays = events.arrays(needed, entry_start=row, entry_stop=row + 1, library="np")
            branches = {key: np.asarray(values[0]) for key, values in arrays.items()}
            content = Podio(Path(path), row, branches, ids)
            chosen = choose(content, particles)
            bz = field_of(content, chosen) if bz is None else bz
            told = simulated(content, [])
            if told is None:
                raise BadInput(path, content.where, f"no {MC} in it, so no truth to link to")
            none = np.zeros(0)
            empty = Hits(np.zeros(0, np.int64), none, none, none, np.zeros(0, np.int32))
            event = Event(row, str(path), empty, truth=told.truth, found=found_in(content, chosen, bz))
            yield dst_of(content, chosen, event, told, FIELDS.get(round(abs(bz or 0.0), 1), ""))


def _of(key: str, names: dict[str, str]) -> bool:
    """Whether a branch is read: of a collection of these, or of links."""
    name = key.partition(".")[0].removeprefix("_")
    return any(name == n or name.startswith(f"{n}_") for n in names) or key.endswith(".weight") or name.endswith(
        ("_from", "_to", "_rec", "_sim")
    )  # fmt: skip
