"""GDML, the geometry markup of Geant4: its sensitive volumes as sensors.

Read here rather than with pyg4ometry, which brings a gigabyte of other libraries. Solids that are no flat prisms, and
divided or parametrised volumes that Geant4 has not written out, are errors with their line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadInput
from gnnreco.geometry.importers.layers import BY_PLACE, GAP, layers
from gnnreco.geometry.importers.numbers import number, numbers
from gnnreco.geometry.importers.written import Imported, write_imported

from .gdml_placement import Placements, read_structure
from .gdml_solids import Flat, flat_sensor, template
from .xml_tree import Node, read_xml


def read(
    file: Path,
    folder: Path,
    name: str,
    sensitive: str | None = None,
    pitch: str | None = None,
    measures: str = "position",
    layer_gap: str = f"{GAP:g}",
    field: str = "0",
    missing: str = "refuse",
) -> None:
    """Write the sensitive volumes of a GDML file as a detector folder.

    Parameters
    ----------
    sensitive : str, optional
        Names of the sensitive volumes, with ``*`` and ``?``, between commas. Without it the volumes that carry an
        auxiliary tag ``SensDet``.
    pitch : str, optional
        ``U,V`` for all sensors, or ``NAME:U,V;NAME:U,V`` by the names of volumes (with ``*``): cell widths, mm. A
        volume without one is one cell. Of a box thin along x, u and v are its y and z; thin along y, z and x; thin
        along z, x and y. In a trapezoid v runs from its first to its second width, in a ring along the radius.
    measures : str
        What the sensors measure, between commas.
    layer_gap : str
        Planes of sensors, and shells of staves around an axis, farther apart than this are different layers, mm;
        so are the sheets of a stack, however near.
    missing : str
        ``skip``: leave out files that are placed (``<physvol><file name=.../>``) but not there, with a note.

    Raises
    ------
    BadInput
        With file, line and remedy.
    """
    gap, bz = number(file, "layer_gap", layer_gap, 0.0), number(file, "field", field)
    if missing not in ("refuse", "skip"):
        raise BadInput(file, "option missing", f"{missing!r} is none of refuse, skip")
    wanted = sensitive.split(",") if sensitive else None
    placements = read_structure(
        read_xml(file, entities=True), lambda volume: _system(volume, wanted), missing == "skip"
    )
    if not placements.volumes:
        remedy = "name them with sensitive=NAME, or mark them with an auxiliary tag SensDet"
        raise BadInput(file, "", f"no sensitive volume is placed in the world; {remedy}")
    shapes = [
        flat_sensor(solid, names) for solid, names in zip(placements.solids, placements.names, strict=True)
    ]
    by_name = _pitches(file, pitch)
    names = [_plain(volume.text("name")) for volume in placements.volumes]
    kinds = [f"{plain}_{i}" if names.count(plain) > 1 else plain for i, plain in enumerate(names)]
    templates = {
        kind: template(shape, _of(plain, by_name))
        for kind, plain, shape in zip(kinds, names, shapes, strict=True)
    }
    center, rotation = _frames(placements, shapes)
    systems = _joined([_system(volume, wanted) or "" for volume in placements.volumes])
    known = list(dict.fromkeys(systems))
    notes = [
        f"The field: {field} T along z.",
        "Material: that of the sensors and of what is before them is not read.",
        f"Layers: {BY_PLACE}; more than {layer_gap} mm apart are different ones.",
    ]
    notes += placements.notes
    if any(_of(plain, by_name) is None for plain in names):
        notes.append("Cells: volumes without a pitch are one cell each.")
    which = np.array([known.index(system) for system in systems])[placements.volume]
    imported = Imported(
        templates=templates,
        subsystems={system: {"measures": measures.split(",")} for system in known},
        template=np.array(kinds)[placements.volume],
        subsystem=np.array(known)[which],
        layer=layers(center, rotation, which, [shape.edge for shape in shapes], placements.volume, gap),
        center=center,
        rotation=rotation,
        labels={"copy_number": placements.copy},
        bz=bz,
        notes=notes,
    )
    write_imported(imported, folder, name, file, "gdml")


def _frames(placements: Placements, shapes: list[Flat]) -> tuple[Floats, Floats]:
    """Centres (n, 3) and axes (n, 3, 3) of the sensors; a mirrored volume has its normal turned round."""
    axes = np.stack([shape.axes for shape in shapes])[placements.volume]
    middle = np.stack([shape.middle for shape in shapes])[placements.volume]
    rotation = placements.rotation @ axes
    rotation[:, :, 2] *= np.sign(np.linalg.det(rotation))[:, None]
    return placements.center + np.einsum("nij,nj->ni", placements.rotation, middle), rotation


def _system(volume: Node, wanted: list[str] | None) -> str | None:
    """The subsystem of a volume; None where it is not sensitive."""
    plain = _plain(volume.text("name"))
    tag = next((node for node in volume.all("auxiliary") if node.text("auxtype") == "SensDet"), None)
    if wanted is None:
        return None if tag is None else _plain(tag.text("auxvalue"))
    if not any(fnmatchcase(plain, pattern) for pattern in wanted):
        return None
    return plain if tag is None else _plain(tag.text("auxvalue"))


def _joined(names: list[str]) -> list[str]:
    """One name for all that differ in numbers only: ``Strip_1, Strip_2, ...`` are one subsystem ``Strip``."""
    stems: dict[str, set[str]] = {}
    for name in names:
        stems.setdefault(_stem(name), set()).add(name)
    return [name if len(stems[_stem(name)]) == 1 else _stem(name) for name in names]


def _stem(name: str) -> str:
    """A name without its numbers, and without what joins them on."""
    return re.sub(r"(([._#-](copy|cp|no))?[._#-]*\d+)+", "", name, flags=re.IGNORECASE) or name


def _plain(name: str) -> str:
    """Without the address that Geant4 and ROOT append."""
    return re.sub(r"_?0x[0-9a-fA-F]+$", "", name)


def _pitches(file: Path, option: str | None) -> dict[str, tuple[float, float]]:
    """Patterns of names to cell widths."""
    result: dict[str, tuple[float, float]] = {}
    for part in option.split(";") if option else []:
        pattern, colon, widths = part.rpartition(":")
        u, v = numbers(file, "pitch", widths, 2, 0.0)
        result[pattern if colon else "*"] = u, v
    return result


def _of(name: str, by_name: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    return next((pitch for pattern, pitch in by_name.items() if fnmatchcase(name, pattern)), None)
