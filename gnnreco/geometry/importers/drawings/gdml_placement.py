"""The structure of GDML: where volumes within volumes lie in the world, of this file and of those it places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.files import limits

from .gdml_define import ROOTS, Steps, indexed, values
from .gdml_solids import length
from .xml_tree import Node, beside, read_xml

Names = MutableMapping[str, float]

UNKNOWN = ("divisionvol", "paramvol")
UNSCALED = 1e-3  # how far a factor may be from 1 and -1: real files round


@dataclass(frozen=True)
class Placements:
    """Every placed sensitive volume.

    Attributes
    ----------
    volumes, solids : list of Node
        The kinds of sensitive volumes, and their solids.
    names : list of mapping
        Values of the definitions of each one's file.
    volume : int64 (n,)
        Row of `volumes`.
    copy : int64 (n,)
        Copy number of the last placement.
    center : float64 (n, 3), rotation : float64 (n, 3, 3)
        mm; a mirrored placement has determinant -1.
    notes : list of str
        What was taken for something else.
    """

    volumes: list[Node]
    solids: list[Node]
    names: list[Names]
    volume: Ints
    copy: Ints
    center: Floats
    rotation: Floats
    notes: list[str]


@dataclass(frozen=True)
class _Found:
    """Sensitive volumes inside one volume, in its frame."""

    volume: Ints
    copy: Ints
    center: Floats
    rotation: Floats


@dataclass(frozen=True)
class _Place:
    """Where something with sensors in it is placed in a volume."""

    inside: Callable[[], _Found]
    count: Callable[[], int]
    position: Floats
    turn: Floats
    copy: int


@dataclass
class _Shared:
    """What the walks of all files share."""

    top: Path
    sensitive: Callable[[Node], str | None]
    skip_missing: bool
    steps: Steps = field(default_factory=Steps)
    volumes: list[Node] = field(default_factory=list)
    solids: list[Node] = field(default_factory=list)
    names: list[Names] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    walks: dict[Path, _Walk] = field(default_factory=dict)
    open_files: list[Path] = field(default_factory=list)


def read_structure(
    root: Node, sensitive: Callable[[Node], str | None], skip_missing: bool = False
) -> Placements:
    """Walk from the world down; `sensitive` says which volumes are sensors, `skip_missing` whether files may be missing."""
    shared = _Shared(root.file, sensitive, skip_missing)
    walk = _Walk(root, shared)
    top = walk.world()
    try:
        total = walk.count(top)
    except RecursionError:
        raise top.fault("volumes are nested too deeply to be a detector") from None
    if total > limits.SENSORS:
        raise top.fault(
            f"{total:,} sensors, over the limit of {limits.SENSORS:,}; name fewer volumes with sensitive="
        )
    found = walk.inside(top)
    return Placements(
        shared.volumes,
        shared.solids,
        shared.names,
        found.volume,
        found.copy,
        found.center,
        found.rotation,
        list(shared.notes),
    )


class _Walk:
    """Counts and collects the sensitive volumes of a file, each volume once however often it is placed."""

    def __init__(self, root: Node, shared: _Shared) -> None:
        if root.tag not in ROOTS:
            raise root.fault("the file is no GDML: its root must be <gdml>")
        self._root, self._shared, self._names = root, shared, values(root)
        define = [node for part in root.all("define") for node in part.children]
        self._defined = {node.attributes["name"]: node for node in define if "name" in node.attributes}
        self._solids = dict(self._listed("solids"))
        self._volumes: dict[str, Node] = {}
        self._scope: dict[str, Names] = {}
        for name, (node, names) in self._listed("structure"):
            if node.tag in ("volume", "assembly", "extension"):
                self._volumes[name], self._scope[name] = node, names
        self._counts: dict[str, int] = {}
        self._found: dict[str, _Found] = {}
        self._places: dict[str, list[_Place]] = {}
        self._open: list[str] = []

    def _listed(self, section: str) -> Iterator[tuple[str, tuple[Node, Names]]]:
        """What a section defines, by name, with the values that hold there: in a loop, ``box[i]`` is box_0, box_1, ..."""
        for part in self._root.all(section):
            for node, names in self._shared.steps.unrolled(part, self._names):
                if "name" in node.attributes:
                    name = indexed(node, "name", names)
                    yield name, (replace(node, attributes={**node.attributes, "name": name}), names)

    def world(self) -> Node:
        """The volume that holds all others."""
        world = next((node for setup in self._root.all("setup") for node in setup.all("world")), None)
        if world is None:
            raise self._root.fault("no <setup> with a <world>; the file may be cut short")
        return self.named(world, self._names)

    def named(self, reference: Node, names: Names) -> Node:
        """The volume that a ``ref`` names."""
        name = indexed(reference, "ref", names)
        if name not in self._volumes:
            raise reference.fault(f"no volume {name!r} in <structure>")
        return self._volumes[name]

    def _solid(self, volume: Node) -> tuple[Node, Names]:
        reference = volume.first("solidref")
        name = indexed(reference, "ref", self._scope[volume.text("name")]) if reference is not None else None
        if name is None or name not in self._solids:
            raise (reference or volume).fault("names no solid of <solids>")
        return self._solids[name]

    def count(self, volume: Node) -> int:
        """Sensitive volumes in a volume, itself included: known before any is stored."""
        name = volume.text("name")
        if name in self._open:
            raise volume.fault("contains itself")
        if name not in self._counts:
            self._open.append(name)
            own = 1 if volume.tag == "volume" and self._shared.sensitive(volume) else 0
            self._places[name] = list(self._placed(volume))
            self._counts[name] = own + sum(place.count() for place in self._places[name])
            self._open.pop()
        return self._counts[name]

    def inside(self, volume: Node) -> _Found:
        """The sensitive volumes in a volume that was counted."""
        name = volume.text("name")
        if name in self._found:
            return self._found[name]
        parts = [_Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3, 3)))]
        if volume.tag == "volume" and self._shared.sensitive(volume):
            solid, names = self._solid(volume)
            self._shared.solids.append(solid)
            self._shared.volumes.append(volume)
            self._shared.names.append(names)
            row = np.array([len(self._shared.volumes) - 1])
            parts.append(_Found(row, np.zeros(1, np.int64) - 1, np.zeros((1, 3)), np.eye(3)[None]))
        for place in self._places[name]:
            found = place.inside()
            parts.append(
                _Found(
                    found.volume,
                    np.where(found.copy < 0, place.copy, found.copy),
                    place.position + found.center @ place.turn.T,
                    place.turn @ found.rotation,
                )
            )
        columns = ("volume", "copy", "center", "rotation")
        self._found[name] = _Found(
            *(np.concatenate([getattr(part, key) for part in parts]) for key in columns)
        )
        return self._found[name]

    def _placed(self, volume: Node) -> Iterator[_Place]:
        """What is placed in a volume, loops and replicas written out."""
        for node, names in self._shared.steps.unrolled(volume, self._scope[volume.text("name")]):
            if node.tag == "physvol":
                place = self._physvol(node, names)
                if place is not None:
                    yield place
            elif node.tag == "replicavol":
                yield from self._replicas(node, names)
            elif node.tag in UNKNOWN:
                reference = node.first("volumeref")
                if reference is not None and self.count(self.named(reference, names)):
                    raise node.fault(
                        "is not expanded here; let Geant4 write the file again, which expands it"
                    )

    def _physvol(self, node: Node, names: Names) -> _Place | None:
        """One placement; None where what it places holds no sensor."""
        from scipy.spatial.transform import Rotation

        reference, file = node.first("volumeref"), node.first("file")
        if file is not None:
            found = self._other(file)
            if found is None:
                return None
            walk, child = found
        elif reference is not None:
            walk, child = self, self.named(reference, names)
        else:
            raise node.fault("places nothing; add a volumeref")

        def count() -> int:
            if walk is self:
                return self.count(child)
            self._shared.open_files.append(walk._root.file)
            number = walk.count(child)
            self._shared.open_files.pop()
            return number

        if not count():  # what holds no sensor may lie where it will
            return None
        position, angles = (
            self._vector(node, "position", 0.0, names),
            self._vector(node, "rotation", 0.0, names),
        )
        scale = self._vector(node, "scale", 1.0, names)
        if (np.abs(np.abs(scale) - 1) > UNSCALED).any():
            raise node.fault("is scaled; only mirror images (factors 1 and -1) can be held")
        if (np.abs(np.abs(scale) - 1) > 1e-9).any():
            self._shared.notes[f"Scales within {UNSCALED:g} of 1 or -1 were taken for these."] = None
        # Geant4 turns the frame, not the volume: the inverse of turns about x, then y, then z.
        turn = Rotation.from_euler("xyz", angles).inv().as_matrix() * np.sign(scale)
        copy = int(length(node, "copynumber", names, "0", "1"))
        return _Place(lambda: walk.inside(child), count, position, turn, copy)

    def _replicas(self, node: Node, names: Names) -> Iterator[_Place]:
        """Copies side by side along an axis, or turned about z."""
        from scipy.spatial.transform import Rotation

        reference = node.first("volumeref")
        if reference is None:
            raise node.fault("places nothing; add a volumeref")
        child = self.named(reference, names)
        if not self.count(child):
            return
        number = length(node, "number", names, None, "1")
        self._shared.steps.take(node, number)
        along = node.first("replicate_along_axis")
        direction = along.first("direction") if along is not None else None
        width = along.first("width") if along is not None else None
        if along is None or direction is None or width is None:
            raise node.fault("has no replicate_along_axis with direction and width")
        axis = next(
            (key for key in ("x", "y", "z", "phi") if direction.attributes.get(key, "0") != "0"), None
        )
        if axis is None:
            raise direction.fault("only copies along x, y, z and phi can be held")
        unit = "rad" if axis == "phi" else "mm"
        step = length(width, "value", names, None, width.text("unit", unit))
        offset = along.first("offset")
        begin = 0.0 if offset is None else length(offset, "value", names, None, offset.text("unit", unit))
        for i in range(int(number)):
            position, turn = np.zeros(3), np.eye(3)
            if axis == "phi":
                turn = Rotation.from_euler("z", begin + (i + 0.5) * step).as_matrix()
            else:
                position["xyz".index(axis)] = (i - (int(number) - 1) / 2) * step
            yield _Place(lambda: self.inside(child), lambda: self.count(child), position, turn, i)

    def _other(self, reference: Node) -> tuple[_Walk, Node] | None:
        """The walk of another file and the volume of it that is placed; None where it is left out."""
        shared = self._shared
        try:
            path = beside(shared.top.parent, reference.file, reference.text("name"))
        except FileNotFoundError as error:
            if not shared.skip_missing:
                raise reference.fault(f"{error}; missing=skip leaves it out, with a note") from None
            shared.notes[f"Left out, since it is not there: {Path(reference.text('name')).name}."] = None
            return None
        except ValueError as error:
            raise reference.fault(str(error)) from None
        if path in shared.open_files or path == shared.top.resolve() or len(shared.walks) > limits.INCLUDES:
            raise reference.fault("files place one another in a circle, or are too many")
        if path not in shared.walks:
            shared.walks[path] = _Walk(read_xml(path, entities=True), shared)
        walk = shared.walks[path]
        name = reference.attributes.get("volname")
        if name is None:
            return walk, walk.world()
        if name not in walk._volumes:
            raise reference.fault(f"no volume {name!r} in {path.name}")
        return walk, walk._volumes[name]

    def _vector(self, node: Node, kind: str, default: float, names: Names) -> Floats:
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
        return np.array([length(given, axis, names, f"{default:g}", unit) for axis in "xyz"])
