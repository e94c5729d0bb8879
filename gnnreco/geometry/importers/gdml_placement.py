"""The structure of GDML: definitions, and where volumes within volumes lie in the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ... import limits
from .gdml_solids import UNITS, length
from .xml_tree import Node

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REPEATS = ("loop", "replicavol", "divisionvol", "paramvol")


@dataclass(frozen=True)
class Placements:
    """Every placed sensitive volume.

    Attributes
    ----------
    volumes, solids : list of Node
        The kinds of sensitive volumes, and their solids.
    names : mapping
        Values of the definitions.
    volume : int64 (n,)
        Row of `volumes`.
    copy : int64 (n,)
        Copy number of the last placement.
    center : float64 (n, 3), rotation : float64 (n, 3, 3)
        mm; a mirrored placement has determinant -1.
    """

    volumes: list[Node]
    solids: list[Node]
    names: Mapping[str, float]
    volume: Ints
    copy: Ints
    center: Floats
    rotation: Floats


@dataclass(frozen=True)
class _Found:
    """Sensitive volumes inside one volume, in its frame."""

    volume: Ints
    copy: Ints
    center: Floats
    rotation: Floats


def read_structure(root: Node, sensitive: Callable[[Node], str | None]) -> Placements:
    """Walk from the world down; `sensitive` says which volumes are sensors."""
    if root.tag != "gdml":
        raise root.fault("the file is no GDML: its root must be <gdml>")
    define = [node for part in root.all("define") for node in part.children]
    walk = _Walk(
        root, _values(define), {n.attributes["name"]: n for n in define if "name" in n.attributes}, sensitive
    )
    world = next((node for setup in root.all("setup") for node in setup.all("world")), None)
    if world is None:
        raise root.fault("no <setup> with a <world>; the file may be cut short")
    top = walk.named(world)
    try:
        walk.count(top)
    except RecursionError:
        raise top.fault("volumes are nested too deeply to be a detector") from None
    if walk.count(top) > limits.SENSORS:
        raise top.fault(
            f"{walk.count(top):,} sensors, over the limit of {limits.SENSORS:,}; name fewer volumes with sensitive="
        )
    found = walk.inside(top)
    solids = [walk.solid(volume) for volume in walk.kinds]
    return Placements(walk.kinds, solids, walk.names, found.volume, found.copy, found.center, found.rotation)


def _values(define: list[Node]) -> dict[str, float]:
    """Constants, variables and quantities, in the order of the file."""
    names = dict(UNITS)
    for node in define:
        if node.tag in ("constant", "variable", "quantity"):
            unit = node.text("unit", "1") if node.tag == "quantity" else "1"
            names[node.text("name")] = length(node, "value", names, None, unit if unit in UNITS else "1")
        elif node.tag in REPEATS:
            raise node.fault("is not expanded here; let Geant4 write the file again, which expands it")
    return names


class _Walk:
    """Counts and collects sensitive volumes, each volume once however often it is placed."""

    def __init__(
        self,
        root: Node,
        names: dict[str, float],
        defined: dict[str, Node],
        sensitive: Callable[[Node], str | None],
    ) -> None:
        self.names, self._defined, self._sensitive = names, defined, sensitive
        self._solids = {
            n.text("name"): n for part in root.all("solids") for n in part.children if "name" in n.attributes
        }
        structure = [node for part in root.all("structure") for node in part.children]
        for node in structure:
            if node.tag in REPEATS:
                raise node.fault("is not expanded here; let Geant4 write the file again, which expands it")
        self._volumes = {node.text("name"): node for node in structure if node.tag in ("volume", "assembly")}
        self.kinds: list[Node] = []
        self._counts: dict[str, int] = {}
        self._found: dict[str, _Found] = {}
        self._open: list[str] = []

    def named(self, reference: Node) -> Node:
        """The volume that a ``ref`` names."""
        name = reference.text("ref")
        if name not in self._volumes:
            raise reference.fault(f"no volume {name!r} in <structure>")
        return self._volumes[name]

    def solid(self, volume: Node) -> Node:
        """The solid of a volume."""
        reference = volume.first("solidref")
        if reference is None or reference.text("ref") not in self._solids:
            raise (reference or volume).fault("names no solid of <solids>")
        return self._solids[reference.text("ref")]

    def _placed(self, volume: Node) -> list[tuple[Node, Node]]:
        """Placements in a volume, and what they place."""
        result = []
        for node in volume.children:
            if node.tag in REPEATS:
                raise node.fault("is not expanded here; let Geant4 write the file again, which expands it")
            if node.tag != "physvol":
                continue
            reference = node.first("volumeref")
            if reference is None:
                raise node.fault("places another file or nothing; put the volumes of all files into one")
            result.append((node, self.named(reference)))
        return result

    def count(self, volume: Node) -> int:
        """Sensitive volumes in a volume, itself included: known before any is stored."""
        name = volume.text("name")
        if name in self._open:
            raise volume.fault("contains itself")
        if name not in self._counts:
            self._open.append(name)
            own = 1 if volume.tag == "volume" and self._sensitive(volume) else 0
            self._counts[name] = own + sum(self.count(child) for _, child in self._placed(volume))
            self._open.pop()
        return self._counts[name]

    def inside(self, volume: Node) -> _Found:
        """The sensitive volumes in a volume."""
        name = volume.text("name")
        if name in self._found:
            return self._found[name]
        parts = [_Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3, 3)))]
        if volume.tag == "volume" and self._sensitive(volume):
            self.kinds.append(volume)
            row = np.array([len(self.kinds) - 1])
            parts.append(_Found(row, np.zeros(1, np.int64) - 1, np.zeros((1, 3)), np.eye(3)[None]))
        for node, child in self._placed(volume):
            if self.count(child):
                parts.append(self._moved(node, self.inside(child)))
        columns = ("volume", "copy", "center", "rotation")
        self._found[name] = _Found(
            *(np.concatenate([getattr(part, key) for part in parts]) for key in columns)
        )
        return self._found[name]

    def _moved(self, node: Node, found: _Found) -> _Found:
        position, angles = self._vector(node, "position", 0.0), self._vector(node, "rotation", 0.0)
        scale = self._vector(node, "scale", 1.0)
        if (np.abs(np.abs(scale) - 1) > 1e-9).any():
            raise node.fault("is scaled; only mirror images (factors 1 and -1) can be held")
        # Geant4 turns the frame, not the volume: the inverse of turns about x, then y, then z.
        turn = Rotation.from_euler("xyz", angles).inv().as_matrix() * scale
        copy = int(length(node, "copynumber", self.names, "0", "1"))
        return _Found(
            found.volume,
            np.where(found.copy < 0, copy, found.copy),
            position + found.center @ turn.T,
            turn @ found.rotation,
        )

    def _vector(self, node: Node, kind: str, default: float) -> Floats:
        """A position, rotation or scale: given there, or named."""
        given = node.first(kind)
        reference = node.first(f"{kind}ref")
        if given is None and reference is not None:
            name = reference.text("ref")
            if name not in self._defined and name != "identity":
                raise reference.fault(f"no {kind} {name!r} in <define>")
            given = self._defined.get(name)
        if given is None:
            return np.full(3, default)
        unit = given.text("unit", {"position": "mm", "rotation": "rad"}.get(kind, "1"))
        unit = "1" if kind == "scale" else unit
        return np.array([length(given, axis, self.names, f"{default:g}", unit) for axis in "xyz"])
