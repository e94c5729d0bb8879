"""From a folder with a ``detector.yaml`` to a `Detector`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadGeometry
from gnnreco.geometry.cells.templates import CellTemplate
from gnnreco.geometry.checks.findings import unusable
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.field.field import ConstantField, Field, grid_map
from gnnreco.geometry.field.solenoid import LONGEST, solenoid_map
from gnnreco.geometry.source import Source
from gnnreco.geometry.subsystem import QUANTITIES, Drift, PassiveCylinder, Subsystem
from gnnreco.schema import nearest

from .kinds import read_templates
from .placement import Placed, place
from .reading import Section, read_description
from .rules import afford
from .tables import read_table

FILE = "detector.yaml"
FORMAT = "gnnreco-detector/1"
ENTRY_POINTS = "gnnreco.detectors"
MATERIAL = ("radiation_lengths", "interaction_lengths")


def load_detector(name_or_path: str | Path) -> Detector:
    """Read a detector.

    Parameters
    ----------
    name_or_path : str or Path
        A shipped name, a name from an installed package (entry point group ``gnnreco.detectors``), or a
        folder with a ``detector.yaml``.

    Returns
    -------
    Detector
        Every sensor with its cells, in mm; the field in tesla.

    Raises
    ------
    BadGeometry
        With file, line or sensor, and remedy. Only what makes every later number wrong is looked at here;
        `check` finds the rest, and all of it at once.

    Examples
    --------
    >>> import gnnreco
    >>> gnnreco.load_detector("telescope")
    Detector('telescope', 6 sensors, 6 layers)
    """
    detector = read_detector(find_detector(name_or_path))
    for finding in unusable(detector):
        raise BadGeometry(detector.folder / FILE, finding.where, f"{finding.message}; {finding.suggestion}")
    return detector


def find_detector(name_or_path: str | Path) -> Path:
    """The folder of a detector given by name or path."""
    path = Path(name_or_path)
    if path.name == FILE:
        path = path.parent
    if (path / FILE).is_file():
        return path
    for folders in (_shipped(), _named()):  # the entry points of all packages are slow to gather
        if str(name_or_path) in folders:
            return folders[str(name_or_path)]
    known = {name: "" for folders in (_shipped(), _named()) for name in folders}
    raise BadGeometry(
        name_or_path,
        "",
        f"neither a folder with a {FILE} nor a known detector{nearest(str(name_or_path), sorted(known))}",
    )


def list_detectors() -> list[str]:
    """Names of the detectors that ship, and of those that installed packages add.

    Returns
    -------
    list of str
        Sorted; `load_detector` takes each.

    Examples
    --------
    >>> import gnnreco
    >>> "telescope" in gnnreco.list_detectors()
    True
    """
    return sorted(_named())


def _shipped() -> dict[str, Path]:
    package = Path(__file__).resolve().parents[2]
    found: dict[str, Path] = {}
    # In a wheel the folder lies in the package, in a clone beside it.
    for root in (package.parent / "detector_geometries", package / "detector_geometries"):
        found.update({file.parent.name: file.parent for file in sorted(root.glob(f"*/{FILE}"))})
    return found


def _named() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        target = entry.load()
        found[entry.name] = Path(target() if callable(target) else target)
    return found | _shipped()


def read_detector(folder: Path, known_units_only: bool = True, assumed: set[str] | None = None) -> Detector:
    """Read the detector in a folder and judge nothing but its form.

    An unknown unit may be taken for the usual one; dimensions whose unit is not told at all are added to `assumed`.
    """
    top = read_description(folder / FILE, known_units_only)
    top.text("format", choices=(FORMAT,))
    name = top.text("name")
    field = _field(top.section("field", optional=True))
    templates = read_templates(top.section("templates"))
    subsystems = _subsystems(top.section("subsystems"))
    source = _source(top.section("source", optional=True))
    passive = tuple(_cylinder(entry) for entry in top.sections("passive")) if "passive" in top else ()
    parts: list[Placed] = []
    for entry in top.sections("sensors"):
        parts.append(place(entry, templates, tuple(subsystems)))
        afford(top, "sensors", sum(len(part.layer) for part in parts))
    top.done()
    if assumed is not None:
        assumed |= top.units.assumed
    return _assemble(name, folder, field, templates, subsystems, passive, source, parts)


@dataclass(frozen=True)
class _Part:
    """What a subsystem says of all its sensors; NaN where it leaves it to the table or to the cells."""

    subsystem: Subsystem
    told: dict[str, float]


def _subsystems(section: Section) -> dict[str, _Part]:
    parts = {}
    for name in section:
        entry = section.section(name)
        measures = entry.words("measures", ("position",))
        for word in measures:
            if word not in QUANTITIES:
                raise entry.fault("measures", f"unknown quantity {word!r}; use {', '.join(QUANTITIES)}")
        if ("charge" in measures) != ("drift" in entry):
            raise entry.fault(
                "measures", "what measures charge needs a section `drift`, and nothing else has one"
            )
        material = entry.section("material", optional=True)
        told = {key: material.number(key) if key in material else np.nan for key in MATERIAL}
        if any(value < 0 for value in told.values()):
            raise entry.fault("material", "a thickness cannot be negative")
        for key, dimension in (("moliere_radius", "length"), ("sampling_fraction", "")):
            told[key] = material.number(key, dimension, above=0.0) if key in material else np.nan
        if told["sampling_fraction"] > 1:
            raise material.fault(
                "sampling_fraction", "the active part cannot have more than all of the energy: 1 at most"
            )
        told["air_gap"] = _not_negative(material, "air_gap", "length") if "air_gap" in material else np.nan
        resolution = entry.numbers("resolution", (2,), "length") if "resolution" in entry else [np.nan] * 2
        told["resolution_u"], told["resolution_v"] = (float(value) for value in resolution)
        drift = _drift(entry.section("drift")) if "drift" in entry else None
        shared = _shared_material(material)
        material.done()
        entry.done()
        parts[name] = _Part(Subsystem(name, measures, drift, shared), told)
    return parts


def _shared_material(material: Section) -> tuple[float, float] | None:
    """Of the first and of each further sensor of a layer, in units of the radiation lengths of a sensor."""
    if "shared" not in material:
        return None
    first, further = (float(value) for value in material.numbers("shared", (2,)))
    if not 0 <= further <= first:
        raise material.fault(
            "shared",
            "give the part of the first sensor of a layer, then that of each further one, which is less",
        )
    return first, further


def _drift(section: Section) -> Drift:
    """Lengths in the file's unit, times in ns, energies in GeV, charges in electrons."""
    per_root = np.sqrt(section.units["length"])
    diffusion = section.numbers("diffusion", (2,)) * per_root
    if (diffusion < 0).any():
        raise section.fault("diffusion", "a spread cannot be negative")
    drift = Drift(
        velocity=section.number("velocity", "length", above=0.0),
        sample=section.number("sample", above=0.0),
        diffusion=(float(diffusion[0]), float(diffusion[1])),
        pair_energy=section.number("pair_energy", above=0.0),
        pad_response=section.number("pad_response", "length", above=0.0),
        shaping=section.number("shaping", above=0.0),
        noise=_not_negative(section, "noise"),
        threshold=_not_negative(section, "threshold"),
        gain_spread=_not_negative(section, "gain_spread"),
    )
    section.done()
    return drift


def _not_negative(section: Section, key: str, dimension: str = "") -> float:
    value = section.number(key, dimension)
    if value < 0:
        raise section.fault(key, f"must be 0 or more, found {value:g}")
    return value


def _field(section: Section) -> Field:
    """A solenoid by its ``bz``, endless or with ``length`` and ``radius``, a ``constant`` vector ``b``, or a map.

    A map is a ``table`` with columns x, y, z, bx, by, bz.
    """
    kind = section.text("kind", "solenoid", ("solenoid", "constant", "map"))
    field: Field
    if kind == "solenoid":
        bz = section.number("bz", "field", 0.0)
        if "length" in section or "radius" in section:
            length, radius = (section.number(size, "length", above=0.0) for size in ("length", "radius"))
            if not length <= LONGEST * radius:
                raise section.fault(
                    "length",
                    f"more than {LONGEST} radii; leave out length and radius: it is the same everywhere",
                )
            field = solenoid_map(bz, length, radius)
        else:
            field = ConstantField(bz)
    elif kind == "constant":
        bx, by, bz = section.numbers("b", (3,), "field").tolist()
        field = ConstantField(bz, bx, by)
    else:
        columns = read_table(section, "table", ("x", "y", "z", "bx", "by", "bz"))
        points = np.stack([columns[key] for key in ("x", "y", "z")], axis=1) * section.units["length"]
        values = np.stack([columns[key] for key in ("bx", "by", "bz")], axis=1) * section.units["field"]
        if not (np.isfinite(points).all() and np.isfinite(values).all()):
            raise section.fault(
                "table", "the map holds NaN or infinity; give every point a field", "not-a-number"
            )
        try:
            field = grid_map(points, values)
        except ValueError as error:
            raise section.fault("table", str(error)) from None
    section.done()
    return field


def _source(section: Section) -> Source:
    """The origin and z, unless the file says otherwise."""
    position = section.numbers("position", (3,), "length", [0, 0, 0])
    direction = section.numbers("direction", (3,), default=[0, 0, 1])
    across = section.numbers("across", (3,)) if section.value("across", ()) else None
    spread = section.numbers("spread", (3,), "length") if section.value("spread", ()) else None
    if spread is not None and (spread < 0).any():
        raise section.fault("spread", "a spread cannot be negative")
    try:
        source = Source.of(position, direction, across, spread)
    except ValueError as error:
        raise section.fault("across" if "across" in section else "direction", str(error)) from None
    section.done()
    return source


def _cylinder(section: Section) -> PassiveCylinder:
    sizes = [section.number(key, "length", above=0.0) for key in ("radius", "half_length")]
    lengths = [section.number(key, above=0.0) for key in MATERIAL]
    cylinder = PassiveCylinder(section.text("name"), *sizes, *lengths)
    section.done()
    return cylinder


def _assemble(
    name: str,
    folder: Path,
    field: Field,
    templates: tuple[CellTemplate, ...],
    subsystems: dict[str, _Part],
    passive: tuple[PassiveCylinder, ...],
    source: Source,
    parts: list[Placed],
) -> Detector:
    def joined(column: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, column) for part in parts])

    # Every entry numbers its layers from 0; over the whole detector they run on.
    layers, first = [], 0
    for part in parts:
        layers.append(part.layer + first)
        first = int(layers[-1].max()) + 1
    subsystem, template = joined("subsystem"), joined("template")
    told = list(subsystems.values())

    def filled(column: str, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.concatenate([part.told[column] for part in parts])
        values = np.where(np.isnan(values), np.array([part.told[column] for part in told])[subsystem], values)
        return np.where(np.isnan(values), otherwise, values)

    nothing = np.zeros(len(subsystem))
    pitch = np.array([t.pitch for t in templates])[template] / np.sqrt(12)
    return Detector(
        *(name, folder, field, templates, tuple(part.subsystem for part in told)),
        *(first, template, np.concatenate(layers).astype(np.int32), subsystem),
        *(np.ascontiguousarray(joined("center")), np.ascontiguousarray(joined("rotation"))),
        filled("radiation_lengths", nothing),
        filled("interaction_lengths", nothing),
        filled("resolution_u", pitch[:, 0]),
        filled("resolution_v", pitch[:, 1]),
        _sensor_ids(parts),
        _labels(parts),
        tuple(group for part in parts for group in part.identify),
        passive,
        filled("moliere_radius", np.full_like(nothing, np.nan)),
        filled("sampling_fraction", np.full_like(nothing, np.nan)),
        filled("air_gap", np.full_like(nothing, np.nan)),
        source,
    )


def _sensor_ids(parts: list[Placed]) -> NDArray[np.int64]:
    """The tables' own numbers; sensors placed by rule take the numbers after the highest."""
    ids = np.concatenate([part.sensor_id for part in parts])
    unnumbered = ids < 0
    ids[unnumbered] = ids.max() + 1 + np.arange(unnumbered.sum())
    return ids


def _labels(parts: list[Placed]) -> dict[str, NDArray[np.int64]]:
    """All label columns of all tables; -1 for sensors of an entry that lacks one."""
    names = dict.fromkeys(name for part in parts for name in part.labels)
    blanks = [np.full(len(part.layer), -1, np.int64) for part in parts]
    return {
        name: np.concatenate(
            [part.labels.get(name, blank) for part, blank in zip(parts, blanks, strict=True)]
        )
        for name in names
    }
