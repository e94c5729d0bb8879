"""A detector: kinds of sensors stamped many times in space, as columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.cells.templates import CellTemplate
from gnnreco.geometry.field.field import Field
from gnnreco.summary import counted, facts_table, listed, shortened

from .identity import SHOWER, content_hash
from .index import SensorIndex, Solids, build_index, nearest_sensor
from .solids import faces
from .source import Source
from .subsystem import PassiveCylinder, Subsystem

Sensors = NDArray[np.int32]

# One row a sensor.
COLUMNS = (
    *("template", "layer", "subsystem", "center", "rotation", "sensor_id"),
    *("radiation_lengths", "interaction_lengths", "resolution_u", "resolution_v"),
)


@dataclass(frozen=True, eq=False)
class Detector:
    """All sensors of a detector, one row each.

    Attributes
    ----------
    name : str
    folder : Path
        Where it was read from.
    field : Field
    templates : tuple of CellTemplate
    subsystems : tuple of Subsystem
    n_layers : int
        A layer that lost all its sensors still counts.
    template, layer, subsystem : int32 (n,)
        Rows of `templates` and `subsystems`; `layer` runs over the whole detector from 0, one a physical layer.
    center : float64 (n, 3)
        mm.
    rotation : float64 (n, 3, 3)
        ``global = center + rotation @ (u, v, w)``; the columns are the sensor's axes (unit vectors), w its normal.
    radiation_lengths, interaction_lengths : float64 (n,)
        Thickness at normal incidence in these units, all material of the sensor's layer included.
    resolution_u, resolution_v : float64 (n,)
        Expected resolution of one hit, mm.
    sensor_id : int64 (n,)
        The number the description gives the sensor.
    labels : dict of int64 (n,)
        Identifiers of other programs for the same sensors.
    identify : tuple of tuples of str
        Groups of labels that together name one sensor.
    passive : tuple of PassiveCylinder
    moliere_radius : float64 (n,)
        Of the layer as a whole, mm; NaN where not told.
    sampling_fraction : float64 (n,)
        Fraction of the energy left in the layer that the active part gets, for electromagnetic showers; NaN where not told.
    air_gap : float64 (n,)
        Between absorber and sensor, mm: air, or light matter in which particles only go apart; NaN where not told.
        Simulated showers know it; no reconstruction does, and the hash leaves it out.
    source : Source
        Where particles come from. Passive cylinders stand around its line, their middle at its position.
    derived_from : str
        Hash of the detector that `select` or `misaligned` made this one from; empty where neither did.

    Examples
    --------
    >>> import gnnreco
    >>> telescope = gnnreco.load_detector("telescope")
    >>> telescope
    Detector('telescope', 6 sensors, 6 layers)
    >>> telescope.select(telescope.layer < 2)
    Detector('telescope', 2 sensors, 6 layers)
    """

    name: str
    folder: Path
    field: Field
    templates: tuple[CellTemplate, ...]
    subsystems: tuple[Subsystem, ...]
    n_layers: int
    template: Sensors
    layer: Sensors
    subsystem: Sensors
    center: Floats
    rotation: Floats
    radiation_lengths: Floats
    interaction_lengths: Floats
    resolution_u: Floats
    resolution_v: Floats
    sensor_id: Ints
    labels: dict[str, Ints] = dataclasses.field(default_factory=dict)
    identify: tuple[tuple[str, ...], ...] = ()
    passive: tuple[PassiveCylinder, ...] = ()
    moliere_radius: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    sampling_fraction: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    air_gap: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    source: Source = dataclasses.field(default_factory=Source)
    derived_from: str = ""

    def __post_init__(self) -> None:
        for name in (*SHOWER, "air_gap"):
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, np.full(self.n_sensors, np.nan))

    def __repr__(self) -> str:
        sensors, layers = counted(self.n_sensors, "sensor"), counted(self.n_layers, "layer")
        return f"Detector({shortened(self.name)!r}, {sensors}, {layers})"

    def _repr_html_(self) -> str:
        tesla = float(np.linalg.norm(self.field.at(self.source.position[None])))
        count = np.bincount(self.subsystem, minlength=len(self.subsystems))
        facts = {"sensors": self.n_sensors, "layers": self.n_layers, "field at the source": f"{tesla:.3g} T"}
        parts = {
            f"subsystem {part.name}": f"{counted(int(n), 'sensor')}, measures {listed(part.measures)}"
            for part, n in zip(self.subsystems, count, strict=True)
        }
        return facts_table(f"Detector {self.name}", {**facts, **parts, "hash": self.hash[:12]})

    @property
    def n_sensors(self) -> int:
        """How many sensors."""
        return len(self.center)

    @cached_property
    def half_u(self) -> Floats:
        """Half width along u of the box around each sensor, mm (n,); the widest place of a trapezoid."""
        return self._of_template(lambda t: t.half_size[0])

    @cached_property
    def half_v(self) -> Floats:
        """Half width along v of the box around each sensor, mm (n,)."""
        return self._of_template(lambda t: t.half_size[1])

    @cached_property
    def shared_radiation_lengths(self) -> Floats:
        """Of each sensor where it is the first of its layer in a particle's way, and where it is not; shape (n, 2)."""
        shared = np.array([part.shared_material or (1.0, 1.0) for part in self.subsystems]).reshape(-1, 2)
        return self.radiation_lengths[:, None] * shared[self.subsystem]

    @cached_property
    def thickness(self) -> Floats:
        """Active thickness, mm (n,)."""
        return self._of_template(lambda t: t.thickness)

    @cached_property
    def pitch_u(self) -> Floats:
        """Typical cell width along u, mm (n,)."""
        return self._of_template(lambda t: t.pitch[0])

    @cached_property
    def pitch_v(self) -> Floats:
        """Typical cell width along v, mm (n,)."""
        return self._of_template(lambda t: t.pitch[1])

    def _of_template(self, ask: Callable[[CellTemplate], float]) -> Floats:
        return np.array([ask(t) for t in self.templates], np.float64)[self.template]

    @cached_property
    def hash(self) -> str:
        """Sha256 of everything that changes a reconstruction; names, labels and sensor ids do not."""
        return content_hash(self)

    @property
    def origin_hash(self) -> str:
        """Hash of the detector this one was derived from; its own where it is no derivative."""
        return self.derived_from or self.hash

    def to_local(self, sensor: ArrayLike, xyz: Floats) -> Floats:
        """Global positions (n, 3) in the frame of each sensor (n,): (u, v, w), mm."""
        rows = np.asarray(sensor)
        return np.einsum("nji,nj->ni", self.rotation[rows], xyz - self.center[rows])

    def to_global(self, sensor: ArrayLike, uvw: Floats) -> Floats:
        """Positions (n, 3) in the frame of each sensor (n,) as global x, y, z, mm; (n, 2) means w = 0."""
        rows = np.asarray(sensor)
        axes = self.rotation[rows][:, :, : uvw.shape[1]]
        return self.center[rows] + np.einsum("nij,nj->ni", axes, uvw)

    def to_plane(self, sensor: ArrayLike, uvw: Floats) -> Floats:
        """Where points (n, 3) in the frame of each sensor (n,) lie in its middle plane (n, 2), along their cells' walls."""
        focus = self._focus[self.template[np.asarray(sensor)]]
        ahead = focus[:, 2] / (focus[:, 2] - uvw[:, 2])
        moved = focus[:, :2] + (uvw[:, :2] - focus[:, :2]) * ahead[:, None]
        return np.where(np.isnan(ahead)[:, None], uvw[:, :2], moved)

    def from_plane(self, sensor: ArrayLike, uv: Floats, w: ArrayLike) -> Floats:
        """The point (n, 3) at height `w` (n,) mm over the middle plane that `to_plane` takes to `uv` (n, 2)."""
        focus = self._focus[self.template[np.asarray(sensor)]]
        height = np.broadcast_to(np.asarray(w, np.float64), len(uv))
        scale = 1 - height / focus[:, 2]
        moved = focus[:, :2] + (uv - focus[:, :2]) * scale[:, None]
        return np.column_stack([np.where(np.isnan(scale)[:, None], uv, moved), height])

    @cached_property
    def _focus(self) -> Floats:
        """Where the walls of each template's cells point (n_templates, 3), mm; NaN where they are parallel."""
        return np.array([np.full(3, np.nan) if t.focus is None else t.focus for t in self.templates])

    def locate(self, xyz: Floats, tolerance: float = 1.0) -> Sensors:
        """The sensor at each position (n, 3) in mm: the nearest one, -1 farther than `tolerance` mm.

        Sensors are solid: every point inside has distance 0, and of two sensors as near the one whose middle plane
        is nearer is taken.
        """
        index = self.index(tolerance)
        thickness = np.array([t.thickness for t in self.templates])
        solids = Solids(
            *(self.center, self.rotation, self.template, self.outline_corners(), self.outline_counts),
            *(thickness, self._focus, self.hole_corners(), self.hole_counts),
        )
        boxes = (index.origin, index.size, index.shape, index.offsets, index.sensors)
        return nearest_sensor(np.ascontiguousarray(xyz, np.float64), float(tolerance), boxes, solids)

    def index(self, tolerance: float) -> SensorIndex:
        """A grid of boxes over the sensors, each grown by `tolerance` mm; built once for each tolerance."""
        held = self.__dict__.setdefault("_indices", {})
        if tolerance not in held:
            low, high = self.bounds
            held[tolerance] = build_index(low - tolerance, high + tolerance)
        return held[tolerance]  # type: ignore[no-any-return]

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """Lower and upper corner (n, 3) of the box around each sensor, mm."""
        corners = self.solid_corners().reshape(len(self.templates), -1, 3)[self.template]
        corners = self.center[:, None] + np.einsum("nij,nkj->nki", self.rotation, corners)
        return corners.min(axis=1), corners.max(axis=1)

    def solid_corners(self) -> Floats:
        """Corners of the lower and the upper face of each template (n_templates, 2, k, 3), mm, padded with the last."""
        return self._solids

    @cached_property
    def _solids(self) -> Floats:
        longest = np.arange(self.outline_counts.max())
        shapes = [faces(t) for t in self.templates]
        return np.stack([shape[:, np.minimum(longest, shape.shape[1] - 1)] for shape in shapes])

    def outline_corners(self) -> Floats:
        """Outline of each template (n_templates, k, 2), mm, padded with its last corner."""
        return self._outlines

    @cached_property
    def _outlines(self) -> Floats:
        return _padded([t.outline for t in self.templates])

    @cached_property
    def outline_counts(self) -> Ints:
        """How many corners of `outline_corners` are real (n_templates,)."""
        return np.array([len(t.outline) for t in self.templates], np.int64)

    def hole_corners(self) -> Floats:
        """The piece of each template's outline without cells (n_templates, m, 2), mm, padded with its last corner."""
        return self._holes

    @cached_property
    def _holes(self) -> Floats:
        return _padded([t.hole for t in self.templates])

    @cached_property
    def hole_counts(self) -> Ints:
        """How many corners of `hole_corners` are real (n_templates,); 0 for a template without a hole."""
        return np.array([len(t.hole) for t in self.templates], np.int64)

    def cell_at(self, sensor: ArrayLike, u: ArrayLike, v: ArrayLike) -> Sensors:
        """Cell of each sensor (n,) under a position in its plane, mm; -1 outside."""
        uv = np.stack(np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64)), axis=-1)
        return self._by_template(sensor, uv, lambda t, x: t.cell_at(x[:, 0], x[:, 1]), np.int32)

    def cell_position(self, sensor: ArrayLike, cell: ArrayLike) -> Floats:
        """Centre (n, 3) of each cell, global, mm."""
        uv = self._by_template(sensor, np.asarray(cell), lambda t, c: t.position(c), np.float64)
        return self.to_global(np.atleast_1d(sensor), uv)

    def cell_size(self, sensor: ArrayLike, cell: ArrayLike) -> Floats:
        """Full widths (n, 2) of each cell along u and v, mm."""
        return self._by_template(sensor, np.asarray(cell), lambda t, c: t.size(c), np.float64)

    def cell_variance(self, sensor: ArrayLike, cell: ArrayLike) -> Floats:
        """Variance (n, 2) along u and v of a place of which only the cell is known, mm^2."""
        return self._by_template(sensor, np.asarray(cell), lambda t, c: t.variance(c), np.float64)

    def cell_corners(self, sensor: ArrayLike, cell: ArrayLike) -> Floats:
        """Corners (n, k, 3) of each cell, global, mm, padded with the last corner."""
        sensors, cells = np.atleast_1d(sensor), np.atleast_1d(cell)
        kinds = self.template[sensors]
        parts = {int(t): self.templates[t].corners(cells[kinds == t]) for t in np.unique(kinds)}
        corners = np.zeros((len(cells), max((p.shape[1] for p in parts.values()), default=1), 2))
        for t, part in parts.items():
            corners[kinds == t] = part[:, np.minimum(np.arange(corners.shape[1]), part.shape[1] - 1)]
        return self.center[sensors][:, None] + np.einsum(
            "nij,nkj->nki", self.rotation[sensors][:, :, :2], corners
        )

    def _by_template(
        self,
        sensor: ArrayLike,
        values: NDArray[Any],
        ask: Callable[[CellTemplate, Any], NDArray[Any]],
        dtype: type,
    ) -> NDArray[Any]:
        """Ask each template about its own rows, put the answers back in order."""
        sensors, values = np.atleast_1d(sensor), np.atleast_1d(values)
        if len(self.templates) == 1:
            return ask(self.templates[0], values).astype(dtype, copy=False)
        kinds = self.template[sensors]
        order = np.argsort(kinds, kind="stable")
        result: NDArray[Any] | None = None
        for rows in np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1) if len(order) else ():
            answer = ask(self.templates[kinds[rows[0]]], values[rows])
            if result is None:
                result = np.zeros((len(values), *answer.shape[1:]), dtype)
            result[rows] = answer
        return ask(self.templates[0], values).astype(dtype) if result is None else result

    def cell_id(self, sensor: ArrayLike, cell: ArrayLike) -> NDArray[np.uint64]:
        """One number for (sensor, cell): ``sensor << 32 | cell``; a -1 in either comes back from `split_cell_id`."""
        low = np.asarray(cell).astype(np.uint64) & np.uint64(0xFFFFFFFF)
        return (np.asarray(sensor).astype(np.uint64) << np.uint64(32)) | low

    def split_cell_id(self, cell_id: ArrayLike) -> tuple[Sensors, Sensors]:
        """Sensor and cell of each `cell_id`."""
        packed = np.asarray(cell_id, np.uint64)
        return (packed >> np.uint64(32)).astype(np.int32), (packed & np.uint64(0xFFFFFFFF)).astype(np.int32)

    def select(self, keep: NDArray[np.bool_]) -> Detector:
        """The detector without the sensors where `keep` (n,) is False; layer numbers stay."""
        rows = {name: getattr(self, name)[keep] for name in (*COLUMNS, *SHOWER, "air_gap")}
        labels = {name: column[keep] for name, column in self.labels.items()}
        return dataclasses.replace(self, **rows, labels=labels, derived_from=self.origin_hash)

    def misaligned(self, shift: float, seed: int, tilt: float = 0.0) -> Detector:
        """Every sensor moved by a normal `shift` mm along each axis, and turned by `tilt` rad about each."""
        from scipy.spatial.transform import Rotation

        random = np.random.default_rng(seed)
        moved = self.center + random.normal(0.0, 1.0, self.center.shape) * shift
        turn = Rotation.from_rotvec(random.normal(0.0, 1.0, self.center.shape) * tilt).as_matrix()
        return dataclasses.replace(
            self, center=moved, rotation=turn @ self.rotation, derived_from=self.origin_hash
        )

    def moved(self, rotation: Floats, shift: Floats) -> Detector:
        """The detector, its field and its source turned by a rotation (3, 3), then shifted by (3,) mm.

        Passive cylinders follow where they still surround the z axis; the others are left out.
        """
        cylinders = (cylinder.moved(rotation, shift) for cylinder in self.passive)
        return dataclasses.replace(
            self,
            center=self.center @ rotation.T + shift,
            rotation=rotation @ self.rotation,
            field=self.field.in_frame(rotation, -rotation.T @ shift),
            source=self.source.moved(rotation, shift),
            passive=tuple(cylinder for cylinder in cylinders if cylinder is not None),
        )

    def at_source(self) -> Detector:
        """The detector in the frame of its source: the source at the origin, its direction along z. Made once."""
        return self._at_source

    @cached_property
    def _at_source(self) -> Detector:
        if self.source.is_default:
            return self
        turn = self.source.rotation
        there = self.moved(turn, -turn @ self.source.position)
        return dataclasses.replace(
            there, source=Source(spread=self.source.spread), derived_from=self.origin_hash
        )


def _padded(shapes: list[Floats]) -> Floats:
    """Polygons as one array, padded with their last corner; zeros where one has no corner."""
    result = np.zeros((len(shapes), max(max(len(shape) for shape in shapes), 1), 2))
    for row, shape in zip(result, shapes, strict=True):
        row[: len(shape)] = shape
        row[len(shape) :] = shape[-1:] if len(shape) else 0.0
    return result
