"""The cells of ACTS surfaces: from a digitisation configuration of ACTS, or from options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.files.json_file import read_json
from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry.importers.numbers import number, numbers

from .surfaces import Surfaces

Key = tuple[int, ...]


#: What reading a value of the wrong type or size may raise.
WRONG = (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Entry:
    """Cell widths, mm (infinite: one cell; u in rad if `angle`), and thickness, mm; NaN where nothing is told."""

    pitch: tuple[float, float] = (np.nan, np.nan)
    angle: bool = False
    thickness: float = np.nan


@dataclass(frozen=True)
class Cells:
    """Cell widths and thickness of surfaces, by geometry.

    Attributes
    ----------
    pitch : float64 (2,)
        For surfaces that nothing else tells about; NaN without such an option.
    thickness : float
        For all surfaces; NaN without such an option.
    table : mapping
        (volume[, layer[, sensitive]]) to what the digitisation configuration says.
    """

    pitch: Floats
    thickness: float
    table: Mapping[Key, Entry] = field(default_factory=dict)

    def of(self, file: Path, surfaces: Surfaces, size: Floats, radius: Floats) -> tuple[Floats, Floats]:
        """Pitch (n, 2) and thickness (n,) of each surface of a `size` (n, 2); `radius` (n,) turns angles into lengths.

        Raises
        ------
        BadInput
            A surface that nothing tells about.
        """
        rows = [self._row(key) for key in map(tuple, surfaces.ids.tolist())]
        told = np.array([row.pitch for row in rows], np.float64).reshape(-1, 2)
        told[:, 0] *= np.where([row.angle for row in rows], radius, 1.0)
        told = np.where(np.isinf(told), size, told)  # what is not measured along an axis is one cell
        pitch = np.where(np.isnan(told), surfaces.pitch, told)
        pitch = np.where(np.isnan(pitch), self.pitch, pitch)
        thickness = surfaces.thickness
        given = np.array([row.thickness for row in rows], np.float64)
        thickness = np.where(np.isnan(thickness), given, thickness)
        if not np.isnan(self.thickness):
            thickness = np.full(len(rows), self.thickness)
        for values, what, remedy in (
            (pitch.min(axis=1), "cell size", "pitch=U,V or digitization=FILE"),
            (thickness, "thickness", "thickness=T"),
        ):
            for row in np.flatnonzero(~(values > 0))[:1]:
                name = f"volume {surfaces.ids[row, 0]}"
                raise BadInput(
                    file, surfaces.where[row], f"nothing tells the {what} of {name}; add {remedy} (mm)"
                )
        return pitch, thickness

    def _row(self, key: Key) -> Entry:
        """The most special entry."""
        for length in (3, 2, 1):
            if key[:length] in self.table:
                return self.table[key[:length]]
        return Entry()


def read_cells(file: Path, pitch: str | None, thickness: str | None, digitization: str | None) -> Cells:
    """Understand the options ``pitch=U,V``, ``thickness=T`` and ``digitization=FILE``."""
    table: dict[Key, Entry] = {}
    if digitization is not None:
        path = Path(digitization)
        for place, entry in _entries(path):
            try:
                key = tuple(int(entry[word]) for word in ("volume", "layer", "sensitive") if word in entry)
                table[key] = _entry(entry["value"])
            except WRONG:
                raise BadInput(path, place, "not an entry of an ACTS digitisation configuration") from None
    return Cells(
        np.array(numbers(file, "pitch", pitch, 2, 0.0) if pitch else [np.nan, np.nan]),
        number(file, "thickness", thickness, 0.0) if thickness else np.nan,
        table,
    )


def _entries(path: Path) -> Iterator[tuple[str, JsonMapping]]:
    content = read_json(path)
    entries = content.get("entries") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise BadInput(path, "", "no 'entries'; is this a digitisation configuration of ACTS?")
    for number_, entry in enumerate(entries):
        yield f"entries[{number_}]", entry


def _entry(value: JsonMapping) -> Entry:
    """Cell widths: of the segmentation, or those that would give the smearing; any of `WRONG` where it is none."""
    if "geometric" in value:
        pitch, angle = {"binX": np.inf, "binY": np.inf}, False
        for axis in value["geometric"]["segmentation"]["binningdata"]:
            width = (_length(axis["max"]) - _length(axis["min"])) / int(axis["bins"])
            name = {"binR": "binY", "binPhi": "binX"}.get(axis["value"], axis["value"])
            pitch[name], angle = _positive(width), angle or axis["value"] == "binPhi"
        thickness = value["geometric"].get("thickness")
        return Entry(
            (pitch["binX"], pitch["binY"]),
            angle,
            np.nan if thickness is None else _positive(_length(thickness)),
        )
    if "smearing" in value:
        spread = {int(axis["index"]): axis.get("stddev") for axis in value["smearing"]}
        width_u, width_v = (
            np.inf if spread.get(axis) is None else _positive(_length(spread[axis])) * np.sqrt(12)
            for axis in (0, 1)
        )
        return Entry((width_u, width_v))
    return Entry()


def _length(value: Any) -> float:
    number = float(value)
    if not abs(number) <= limits.NUMBER:
        raise ValueError
    return number


def _positive(length: float) -> float:
    if not length > limits.SHORTEST:
        raise ValueError
    return length
