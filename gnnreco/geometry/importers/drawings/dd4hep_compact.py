"""What a DD4hep compact file says in itself: constants, readouts with their bit fields, detectors, the field.

Lengths in DD4hep are cm unless told; here they come out in mm. Placements are made by C++ and are not in the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.files import limits

from .arithmetic import evaluate
from .xml_tree import MOST_NESTED, Node, read_xml

#: cm, rad, ns, GeV and tesla are 1.
UNITS = {
    "nm": 1e-7,
    "um": 1e-4,
    "micrometer": 1e-4,
    "mm": 0.1,
    "cm": 1.0,
    "m": 100.0,
    "km": 1e5,
    "rad": 1.0,
    "mrad": 1e-3,
    "deg": np.pi / 180,
    "degree": np.pi / 180,
    "pi": np.pi,
    "twopi": 2 * np.pi,
    "ns": 1.0,
    "s": 1e9,
    "eV": 1e-9,
    "keV": 1e-6,
    "MeV": 1e-3,
    "GeV": 1.0,
    "tesla": 1.0,
    "gauss": 1e-4,
    "kilogauss": 0.1,
}
CM = 10.0  # mm
# Included files that hold chemistry and names of types only.
LEVELS_UP = 3  # folders above its own in which a file may include others
NOT_NEEDED = ("elements.xml", "materials.xml", "detector_types.xml")


@dataclass(frozen=True)
class Readout:
    """A readout: bit fields (name, first bit, width, signed) and its segmentation."""

    name: str
    fields: tuple[tuple[str, int, int, bool], ...]
    segmentation: Node | None

    def decode(self, cell_id: NDArray[np.uint64]) -> dict[str, Ints]:
        """Values (n,) of every field of identifiers (n,)."""
        result = {}
        for name, first, width, signed in self.fields:
            value = (cell_id >> np.uint64(first)) & np.uint64((1 << width) - 1)
            number = value.astype(np.int64)
            result[name] = (
                np.where(number >> (width - 1) & 1, number - (1 << width), number) if signed else number
            )
        return result


@dataclass(frozen=True)
class Compact:
    """The content of a compact file and of what it includes.

    Attributes
    ----------
    constants : mapping
        Lengths in cm.
    readouts : mapping of Readout
    detectors : list of Node
        All ``<detector>`` elements: what C++ places, by their ``type``.
    bz : float or None
        Along z at the middle, tesla; None where no constant or solenoid field is described.
    notes : list of str
        Includes that were left out.
    """

    constants: Mapping[str, float]
    readouts: Mapping[str, Readout]
    detectors: list[Node] = field(default_factory=list)
    bz: float | None = None
    notes: list[str] = field(default_factory=list)

    def mm(self, node: Node, name: str, default: str | None = None) -> float:
        """A length in an attribute, mm."""
        return CM * _number(node, name, self.constants, default)


def read_compact(file: Path) -> Compact:
    """Read a compact file; includes are followed beside it, below, and in folders beside its own."""
    root = read_xml(file)
    if root.tag not in ("lccdd", "compact"):
        raise root.fault("the file is no DD4hep compact description: its root must be <lccdd>")
    notes: list[str] = []
    nodes = list(islice(_included(root, file.resolve().parent, (file.resolve(),), notes), limits.ELEMENTS))
    constants = dict(UNITS)
    for node in nodes:
        if node.tag == "constant" and node.attributes.get("type") != "string":
            try:
                constants[node.text("name")] = evaluate(node.text("value"), constants)
            except ValueError:
                continue  # words, and what only C++ knows; whoever uses the name is told that it is not defined
    words = {
        node.text("name"): node.text("value")
        for node in nodes
        if node.tag == "constant" and node.attributes.get("type") == "string"
    }
    readouts = {node.text("name"): _readout(node, words) for node in nodes if node.tag == "readout"}
    detectors = [node for node in nodes if node.tag == "detector" and "type" in node.attributes]
    fields = [_bz(node, constants) for node in nodes if node.tag == "field"]
    known = [bz for bz in fields if bz is not None]
    return Compact(constants, readouts, detectors, known[0] if known else None, notes)


def _included(node: Node, root: Path, chain: tuple[Path, ...], notes: list[str]) -> Iterator[Node]:
    """All elements below one, with those of included files in the place of the include."""
    for child in node.children:
        if child.tag in ("include", "gdmlFile"):
            target = _target(child, root, notes)
            if target is None:
                continue
            if target in chain or len(chain) > MOST_NESTED:
                raise child.fault("is included twice, in itself")
            included = read_xml(target)
            yield included
            yield from _included(included, root, (*chain, target), notes)
        else:
            yield child
            yield from _included(child, root, chain, notes)


def _target(include: Node, root: Path, notes: list[str]) -> Path | None:
    """The file of an include; None, with a note, where it is not needed or part of an installation that is not here."""
    given = include.text("ref")
    name, variable = given.rpartition("/")[2], re.match(r"\$\{?(\w+)\}?/", given)
    known = os.environ.get(variable[1]) if variable else None
    if include.tag == "gdmlFile" or name in NOT_NEEDED or (variable and not known):
        why = "holds nothing that is needed here" if name in NOT_NEEDED else "not read"
        more = f"; set {variable[1]} to read it" if variable and name not in NOT_NEEDED else ""
        notes.append(f"Left out: {given}, {why}{more}.")
        return None
    if variable and known:
        base, target = Path(known).resolve(), Path(known, given[variable.end() :]).resolve()
    else:
        # Detectors of one collection share files a few folders up; a whole home or disk is no collection.
        above = [root, *root.parents[:LEVELS_UP]]
        base = [folder for folder in above if len(folder.parts) > 2 or folder == root][-1]
        target = (include.file.parent / given).resolve()
        outside = target.is_relative_to(base) and not target.is_relative_to(root)
        if outside and target.suffix == ".xml" and not target.exists():
            notes.append(f"Left out: {given}, not there; names that it defines are missing.")
            return None
    if not target.is_relative_to(base) or (target.suffix != ".xml" and not target.is_relative_to(root)):
        raise include.fault(f"{target} lies outside the folder of the file, which is refused; copy it there")
    if not target.is_file():
        raise include.fault(f"no such file: {target}")
    return target


def _readout(node: Node, words: Mapping[str, str]) -> Readout:
    """``<id>`` holds its bit fields as text: name:width, or name:first:width; a negative width is signed."""
    identifier = node.first("id")
    described = identifier.content if identifier else ""
    described = re.sub(r"\$\{(\w+)\}", lambda name: words.get(name[1], name[0]), described)
    fields, free = [], 0
    for part in filter(None, (word.strip() for word in described.split(","))):
        name, *numbers = part.split(":")
        try:
            first, width = (
                (free, int(numbers[0])) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))
            )
        except (ValueError, IndexError):
            raise (identifier or node).fault(
                f"{part!r} is no bit field; expected name:width or name:first:width"
            ) from None
        if not (name and width != 0 and first >= 0 and first + abs(width) <= 64):
            raise (identifier or node).fault(f"the bit field {part!r} does not fit 64 bits")
        fields.append((name, first, abs(width), width < 0))
        free = first + abs(width)
    return Readout(node.text("name"), tuple(fields), node.first("segmentation"))


def _bz(node: Node, constants: Mapping[str, float]) -> float | None:
    kind = node.attributes.get("type", "").lower()
    if kind == "solenoid":
        return _number(node, "inner_field", constants, None)
    strength = node.first("strength")
    if kind == "constantfield" and strength is not None:
        return _number(strength, "z", constants, "0")
    return None


def _number(node: Node, name: str, constants: Mapping[str, float], default: str | None) -> float:
    try:
        return evaluate(node.text(name, default), constants)
    except ValueError as error:
        raise node.fault(f"{name}: {error}") from None
