"""The ``sensors`` section of a detector: tables of sensors, and rules that place them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.files import limits
from gnnreco.geometry.cells.templates import CellTemplate

from .reading import Section
from .rules import stamp
from .tables import choices, floats, ints, open_table

AXES = ("xu", "xv", "xw", "yu", "yv", "yw", "zu", "zv", "zw")
LENGTHS = ("resolution_u", "resolution_v", "moliere_radius", "air_gap")
OPTIONAL = ("radiation_lengths", "interaction_lengths", "sampling_fraction", *LENGTHS)
NEEDED = ("sensor_id", "template", "subsystem", "layer", "x", "y", "z", *AXES)


@dataclass(frozen=True)
class Placed:
    """Sensors of one entry, one row each; `told` holds the `OPTIONAL` columns, NaN where the subsystem shall tell."""

    sensor_id: Ints  # -1 where a rule placed the sensor
    template: NDArray[np.int32]
    subsystem: NDArray[np.int32]
    layer: NDArray[np.int32]
    center: Floats
    rotation: Floats
    told: dict[str, Floats]
    labels: dict[str, Ints] = field(default_factory=dict)
    identify: tuple[tuple[str, ...], ...] = ()


def place(entry: Section, templates: Sequence[CellTemplate], subsystems: Sequence[str]) -> Placed:
    """The sensors of one entry of the ``sensors`` list."""
    if "table" in entry:
        placed = _table(entry, tuple(t.name for t in templates), tuple(subsystems))
    else:
        stamped = stamp(entry, templates)
        n = len(stamped.layer)
        name = entry.text("subsystem", choices=tuple(subsystems))
        untold = np.full(n, np.nan)
        placed = Placed(
            np.full(n, -1, np.int64),
            stamped.template,
            np.full(n, list(subsystems).index(name), np.int32),
            stamped.layer,
            stamped.center,
            stamped.rotation,
            dict.fromkeys(OPTIONAL, untold),
        )
    entry.done()
    return placed


def _table(entry: Section, templates: tuple[str, ...], subsystems: tuple[str, ...]) -> Placed:
    file = entry.file.parent / entry.text("table")
    table = open_table(file, NEEDED)
    length = entry.units["length"]
    position = np.stack([floats(table, file, axis) for axis in "xyz"], axis=1) * length
    axes = np.stack([floats(table, file, axis) for axis in AXES], axis=1).reshape(-1, 3, 3)
    untold = np.full(len(position), np.nan)
    told = {name: floats(table, file, name) if name in table.column_names else untold for name in OPTIONAL}
    told.update({name: told[name] * length for name in LENGTHS})
    others = [c for c in table.column_names if c not in NEEDED + OPTIONAL]
    return Placed(
        ints(table, file, "sensor_id"),
        choices(table, file, "template", templates),
        choices(table, file, "subsystem", subsystems),
        ints(table, file, "layer", limits.LAYERS).astype(np.int32),
        position,
        axes,
        told,
        {column: ints(table, file, column) for column in others},
        _groups(entry, others) if "identify" in entry else (),
    )


def _groups(entry: Section, labels: list[str]) -> tuple[tuple[str, ...], ...]:
    """The ``identify`` key: lists of label columns that together name one sensor."""
    groups = entry.value("identify")
    for group in groups if isinstance(groups, list) else [groups]:
        if not isinstance(group, list) or not group or not set(group) <= set(labels):
            raise entry.fault("identify", f"expected lists of label columns; there are: {', '.join(labels)}")
    return tuple(tuple(group) for group in groups)
