"""The table ``detectors.csv`` that the ACTS examples write (``CsvTrackingGeometryWriter``), also .gz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from gnnreco.errors import BadInput
from gnnreco.geometry.description.placement import AXES
from gnnreco.geometry.importers.numbers import number
from gnnreco.geometry.importers.table import read_columns
from gnnreco.geometry.importers.written import write_imported

from .digitization import read_cells
from .sensors import to_detector
from .surfaces import Surfaces

#: ``Acts::SurfaceBounds::BoundsType`` by number.
BOUNDS = (
    *("Cone", "Cylinder", "Diamond", "Disc", "Ellipse", "Line", "Rectangle", "Trapezoid", "Triangle"),
    *("DiscTrapezoid", "ConvexPolygon", "Annulus", "Boundless", "Other"),
)
USED = {"Rectangle": 4, "Trapezoid": 4, "Diamond": 5, "Disc": 4, "Annulus": 7}
PARAMETERS = tuple(f"bound_param{i}" for i in range(7))
NUMBERS = ("cx", "cy", "cz", *(f"rot_{axis}" for axis in AXES), *PARAMETERS, "module_t", "pitch_u", "pitch_v")


def read(
    file: Path,
    folder: Path,
    name: str,
    pitch: str | None = None,
    thickness: str | None = None,
    digitization: str | None = None,
    field: str = "2",
) -> None:
    """Write the sensitive surfaces of an ACTS ``detectors.csv`` as a detector folder.

    Parameters
    ----------
    pitch : str, optional
        ``U,V``: cell widths, mm, where neither the table nor `digitization` has them.
    thickness : str, optional
        Active thickness of all sensors, mm, instead of ``module_t``.
    digitization : str, optional
        A digitisation configuration of ACTS (JSON): cells by volume, layer or sensor.
    """
    wanted = dict.fromkeys(NUMBERS, pa.float64()) | {"module_id": pa.int64(), "bounds_type": pa.int64()}
    columns = read_columns(file, {"geometry_id": pa.uint64(), **wanted}, "the detectors.csv that ACTS writes")
    rows = np.flatnonzero(columns["module_id"] > 0)
    if len(rows) == 0:
        raise BadInput(file, "column module_id", "no sensitive surface: all module numbers are 0")
    where = [f"line {row + 2}" for row in rows]
    kinds = columns["bounds_type"][rows]
    for bad in np.flatnonzero((kinds < 0) | (kinds >= len(BOUNDS)))[:1]:
        raise BadInput(file, f"{where[bad]}, column bounds_type", f"unknown kind of bounds {kinds[bad]}")
    values = np.stack([columns[key][rows] for key in PARAMETERS], axis=1)
    bounds = [
        (BOUNDS[kind], tuple(row[: USED.get(BOUNDS[kind], 7)]))
        for kind, row in zip(kinds.tolist(), np.round(values, 5).tolist(), strict=True)
    ]
    nothing = np.full(len(rows), np.nan)

    def positive(key: str) -> np.ndarray:
        return np.where(columns[key][rows] > 0, columns[key][rows], np.nan)

    surfaces = Surfaces(
        where,
        columns["geometry_id"][rows].view(np.int64),
        np.stack([columns[f"c{axis}"][rows] for axis in "xyz"], axis=1),
        np.stack([columns[f"rot_{axis}"][rows] for axis in AXES], axis=1).reshape(-1, 3, 3),
        bounds,
        np.round(positive("module_t"), 5),
        nothing,
        nothing,
        np.stack([positive("pitch_u"), positive("pitch_v")], axis=1),
    )
    notes = [f"The field: {field} T along z.", "Material: none is in the table."]
    bz = number(file, "field", field)
    cells = read_cells(file, pitch, thickness, digitization)
    write_imported(to_detector(file, surfaces, cells, bz, notes), folder, name, file, "acts-csv")
