"""The cells of ACTS surfaces: from a digitisation configuration of ACTS, or from options."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput
from .written import number, numbers

if TYPE_CHECKING:
    from .acts_surfaces import Surfaces

Floats = NDArray[np.float64]
Key = tuple[int, ...]


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
        (volume[, layer[, sensitive]]) to the value of the digitisation configuration.
    """

    pitch: Floats
    thickness: float
    table: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, file: Path, surfaces: Surfaces, size: Floats, radius: Floats) -> tuple[Floats, Floats]:
        """Pitch (n, 2) and thickness (n,) of each surface of a `size` (n, 2); `radius` (n,) turns angles into lengths.

        Raises
        ------
        BadInput
            A surface that nothing tells about.
        """
        rows = [self._row(key) for key in map(tuple, surfaces.ids.tolist())]
        told = np.array([_pitch(row, r) for row, r in zip(rows, radius, strict=True)]).reshape(-1, 2)
        told = np.where(np.isinf(told), size, told)  # what is not measured along an axis is one cell
        pitch = np.where(np.isnan(told), surfaces.pitch, told)
        pitch = np.where(np.isnan(pitch), self.pitch, pitch)
        thickness = surfaces.thickness
        given = np.array([row.get("geometric", {}).get("thickness", np.nan) for row in rows], np.float64)
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

    def _row(self, key: Key) -> Mapping[str, Any]:
        """The most special entry."""
        for length in (3, 2, 1):
            if key[:length] in self.table:
                return self.table[key[:length]]
        return {}


def read_cells(file: Path, pitch: str | None, thickness: str | None, digitization: str | None) -> Cells:
    """Understand the options ``pitch=U,V``, ``thickness=T`` and ``digitization=FILE``."""
    table: dict[Key, Mapping[str, Any]] = {}
    if digitization is not None:
        path = Path(digitization)
        for place, entry in _entries(path):
            try:
                key = tuple(int(entry[word]) for word in ("volume", "layer", "sensitive") if word in entry)
                _pitch(entry["value"], 1.0)
            except (KeyError, TypeError, ValueError, ZeroDivisionError):
                raise BadInput(path, place, "not an entry of an ACTS digitisation configuration") from None
            table[key] = entry["value"]
    return Cells(
        np.array(numbers(file, "pitch", pitch, 2, 0.0) if pitch else [np.nan, np.nan]),
        number(file, "thickness", thickness, 0.0) if thickness else np.nan,
        table,
    )


def read_json(file: Path) -> Any:
    """A JSON file; `BadInput` with the line where it breaks off."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except json.JSONDecodeError as error:
        why = f"not JSON: {error.msg}; the file may be cut short"
        raise BadInput(file, f"line {error.lineno} column {error.colno}", why) from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(file, "", f"not readable: {error}") from None


def _entries(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    content = read_json(path)
    entries = content.get("entries") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise BadInput(path, "", "no 'entries'; is this a digitisation configuration of ACTS?")
    for number_, entry in enumerate(entries):
        yield f"entries[{number_}]", entry


def _pitch(value: Mapping[str, Any], radius: float) -> tuple[float, float]:
    """Cell widths: of the segmentation, or those that would give the smearing; infinite: one cell along that axis."""
    if "geometric" in value:
        pitch = {"binX": np.inf, "binY": np.inf}
        for axis in value["geometric"]["segmentation"]["binningdata"]:
            width = (float(axis["max"]) - float(axis["min"])) / int(axis["bins"])
            name = {"binR": "binY", "binPhi": "binX"}.get(axis["value"], axis["value"])
            pitch[name] = width * (radius if axis["value"] == "binPhi" else 1.0)
        return pitch["binX"], pitch["binY"]
    if "smearing" in value:
        spread = {int(axis["index"]): float(axis.get("stddev", np.inf)) for axis in value["smearing"]}
        return spread.get(0, np.inf) * np.sqrt(12), spread.get(1, np.inf) * np.sqrt(12)
    return np.nan, np.nan
