"""Which collections the events of a file hold: from the metadata of podio, or the types of the branches if it has none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnnreco.errors import BadInput
from gnnreco.events.readers.root.file import EXPERIMENTAL, guarded, is_tree

from .kinds import KINDS, LINKS

EVENTS, METADATA, PARAMETERS = "events", "podio_metadata", "metadata"
TYPES, IDS = f"{EVENTS}___CollectionTypeInfo", f"{EVENTS}___idTable"
#: Columns of the table of types: of older files, which number them, and of newer ones.
COLUMNS = {"collectionID": "_0", "dataType": "_1", "isSubset": "_2"}
#: What the key of the encoding of a collection's cells ends in.
ENCODING = re.compile(r"(.+)__(?:CellIDEncoding|CellIDEncodingString)")
_TYPE = re.compile(r"(?:std::)?vector<edm4hep::(\w+)Data>|edm4hep::(\w+)Collection")
_LINK = re.compile(r"podio::LinkCollection<\s*edm4hep::(\w+)\s*,\s*edm4hep::(\w+)\s*>")
#: Interfaces of EDM4hep, at which a link may point: any of the kinds that stand behind.
INTERFACES = {"TrackerHit": "TrackerHit", "TrackerHit3D": "TrackerHit"}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a file says of itself.

    Attributes
    ----------
    types : dict of str to str
        Type of EDM4hep of each collection, by its name.
    links : dict of str to pair of str
        Of the collections that link: what from and what to.
    ids : dict of int to str
        Names of the collections by the numbers that pointers carry; empty where the file does not tell.
    encodings : dict of str to str
        How the cells of a collection are numbered.
    branches : frozenset of str
        At the top of the tree of events.
    n_events : int
    """

    types: dict[str, str]
    links: dict[str, tuple[str, str]]
    ids: dict[int, str] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)
    branches: frozenset[str] = frozenset()
    n_events: int = 0

    def of(self, kind: str) -> list[str]:
        """Names of the collections that are shown as a kind of LCIO, in order."""
        return sorted(name for name, t in self.types.items() if t in KINDS and KINDS[t].lcio == kind)


def is_edm4hep(path: Path) -> bool:
    """Whether a ROOT file holds events of EDM4hep; False also where it cannot be read."""
    try:
        return guarded(path, _claims)
    except BadInput:
        return False


def _claims(file: Any) -> bool:
    kinds = {name.split(";")[0]: kind for name, kind in file.classnames(recursive=False).items()}
    if EVENTS not in kinds:
        return False
    if METADATA in kinds or kinds[EVENTS] == EXPERIMENTAL:
        return True
    return kinds[EVENTS] == "TTree" and any(_TYPE.fullmatch(b.typename or "") for b in file[EVENTS].branches)


def catalogue_of(path: Path, file: Any) -> Catalogue:
    """Read it from an open file. Raises `BadInput`."""
    kinds = {name.split(";")[0]: kind for name, kind in file.classnames(recursive=False).items()}
    if kinds.get(EVENTS) == EXPERIMENTAL:
        why = "an RNTuple from before its format was fixed (ROOT 6.34): write it again with a newer ROOT"
        raise BadInput(path, EVENTS, why)
    events = file[EVENTS]
    tops = list(events.keys(recursive=False))
    written = _written(file[METADATA]) if METADATA in kinds else []
    ids = {number: name for number, name, _, _ in written}
    known = {name: full for _, name, full, subset in written if not subset}
    if not written:
        known = {name: events[name].typename or "" for name in tops} if is_tree(events) else {}
    types, links = {}, {}
    for name, full in known.items():
        link, plain = _LINK.fullmatch(full), _TYPE.fullmatch(full)
        if name not in tops:
            continue
        if link:
            links[name] = _shown(link[1]), _shown(link[2])
        elif plain:
            short = plain[1] or plain[2]
            if short.removesuffix("Collection") in LINKS:
                links[name] = LINKS[short.removesuffix("Collection")]
            else:
                types[name] = short
    encodings = _encodings(file[PARAMETERS]) if PARAMETERS in kinds else {}
    return Catalogue(types, links, ids, encodings, frozenset(tops), int(events.num_entries))


def _shown(kind: str) -> str:
    """The kind of LCIO that an end of a link is."""
    kind = INTERFACES.get(kind, kind)
    return KINDS[kind].lcio if kind in KINDS else kind


def _written(metadata: Any) -> list[tuple[int, str, str, bool]]:
    """Number, name, type of each collection, and whether it only points."""
    columns: dict[str, list[Any]] = {}
    for name, older in COLUMNS.items():
        columns[name] = _texts(metadata, TYPES, name) or _texts(metadata, TYPES, older)
    names = _texts(metadata, TYPES, "name")
    if not names:
        table = dict(
            zip(_texts(metadata, IDS, "m_collectionIDs"), _texts(metadata, IDS, "m_names"), strict=True)
        )
        names = [table.get(number, "") for number in columns["collectionID"]]
    numbers = [int(number) & 0xFFFFFFFF for number in columns["collectionID"]]
    return list(
        zip(numbers, map(str, names), map(str, columns["dataType"]), columns["isSubset"], strict=True)
    )


def _texts(tree: Any, name: str, member: str) -> list[Any]:
    """What a member of a list holds in the first entry; nothing where there is no such member."""
    if not is_tree(tree):
        keys = set(tree.keys())
        return (
            list(tree[f"{name}.{member}"].array(entry_stop=1)[0].tolist())
            if f"{name}.{member}" in keys
            else []
        )
    if name not in tree.keys(recursive=False):
        return []
    branch = next((b for b in tree[name].branches if b.name in (member, f"{name}.{member}")), None)
    if branch is None:
        return []
    if type(branch.interpretation).__name__ == "UnknownInterpretation":  # texts of a tuple
        from uproot import AsObjects
        from uproot.containers import AsArray, AsString

        texts = AsObjects(AsArray(True, False, AsString(False), ()))
        return list(branch.array(texts, library="np", entry_stop=1)[0])
    return list(branch.array(library="np", entry_stop=1)[0])


def _encodings(parameters: Any) -> dict[str, str]:
    """How cells are numbered, from the parameters that are kept with the file."""
    if is_tree(parameters) and "PARAMETERS" in parameters.keys(recursive=False):
        first, second = "PARAMETERS/_stringMap/_stringMap.first", "PARAMETERS/_stringMap/_stringMap.second"
    else:
        first, second = "GPStringKeys", "GPStringValues"
    if not {first, second} <= set(parameters.keys()) or not parameters.num_entries:
        return {}
    keys, values = (list(parameters[name].array(entry_stop=1)[0].tolist()) for name in (first, second))
    found = {}
    for key, texts in zip(keys, values, strict=True):
        match = ENCODING.fullmatch(str(key))
        if match and len(texts) == 1:
            found[match[1]] = str(texts[0])
    return found
