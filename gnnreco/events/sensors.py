"""Which sensor of the detector a hit lies in: by the ids of the file where they fit, else by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.events.readers.rows import find_rows

if TYPE_CHECKING:
    from gnnreco.geometry import Detector

#: How far outside its sensor a hit may lie and still be believed, mm: more than a misalignment, less than
#: a sensor.
BELIEF = 2.0


class SensorFinder:
    """Finds sensor rows for the hits of many events; the search tables are built once.

    A hit for which there is no sensor gets -1; it stays in the event and whoever reconstructs counts it.

    Parameters
    ----------
    detector : Detector, optional
        Without one every hit gets -1.
    """

    def __init__(self, detector: Detector | None) -> None:
        self.detector = detector
        self._tables: dict[tuple[str, ...], tuple[NDArray, NDArray, NDArray] | None] = {}

    def by_label(
        self, names: tuple[str, ...], values: tuple[NDArray, ...], xyz: NDArray
    ) -> NDArray[np.int32]:
        """Sensors whose labels equal the ids of the hits.

        Two descriptions of one detector may number its sensors differently. So an id is believed only
        where the hit also lies in that sensor; if most do not, the ids are foreign and every hit is found
        by its position.

        Parameters
        ----------
        names : tuple of str
            Label columns of the detector, such as ``("volume_id", "layer_id", "module_id")``.
        values : tuple of int64 (n,)
            The same ids of the hits.
        xyz : float64 (n, 3)
            mm.

        Returns
        -------
        int32 (n,)
        """
        if self.detector is None or not len(xyz):
            return np.full(len(xyz), -1, np.int32)
        if names not in self._tables:
            self._tables[names] = self._table(names)
        table = self._tables[names]
        if table is None:
            return self.detector.locate(xyz)
        size, keys, order = table
        key, valid = _packed(values, size)
        found = find_rows(keys, key, order)
        return self._believed(np.where(valid, found, -1).astype(np.int32), xyz)

    def by_fields(self, fields: Mapping[str, NDArray[np.int64]], xyz: NDArray) -> NDArray[np.int32] | None:
        """Sensors from the fields of the numbers of cells, as DD4hep packs them.

        A group of labels that name a sensor is looked for among the fields: ``layer`` is ``layer``, ``layer_id`` or
        ``dd4hep_layer``. Labels that are left over are taken in order from the fields that are left over (the ``ring`` of a
        disk is the ``stave`` of a barrel). An id is believed as in `by_label`; hits that have none are found by position.

        Parameters
        ----------
        fields : mapping of str to int64 (n,)
            In the order of the file.
        xyz : float64 (n, 3)
            mm.

        Returns
        -------
        int32 (n,), or None where no group of labels fits.
        """
        if self.detector is None:
            return None
        for group in self.detector.identify:
            columns = _matched(group, fields)
            if columns is not None:
                sensor = self.by_label(group, columns, xyz)
                lost = np.flatnonzero(sensor < 0)
                if len(lost):
                    sensor = sensor.copy()
                    sensor[lost] = self.detector.locate(xyz[lost])
                return sensor
        return None

    def has_labels(self, names: tuple[str, ...]) -> bool:
        """Whether the detector has all these labels; without a detector there is nothing to look up."""
        return self.detector is None or all(name in self.detector.labels for name in names)

    def by_sensor_id(self, sensor_id: NDArray[np.int64], xyz: NDArray) -> NDArray[np.int32]:
        """Sensors from the ids the detector itself gives them; without a detector the ids as they are."""
        if self.detector is None:
            return sensor_id.astype(np.int32)
        return self.by_label(("sensor_id",), (sensor_id,), xyz)

    def _table(self, names: tuple[str, ...]) -> tuple[NDArray, NDArray, NDArray] | None:
        assert self.detector is not None
        known = {**self.detector.labels, "sensor_id": self.detector.sensor_id}
        if not names or any(name not in known for name in names):
            return None
        labels = tuple(np.asarray(known[name], np.int64) for name in names)
        size = np.array([int(column.max(initial=0)) + 1 for column in labels], np.int64)
        keys, _ = _packed(labels, size)
        order = np.argsort(keys, kind="stable")
        if bool(np.any(np.diff(keys[order]) == 0)):
            return None  # these labels do not tell all sensors apart
        return size, keys, order

    def _believed(self, sensor: NDArray[np.int32], xyz: NDArray) -> NDArray[np.int32]:
        """Keep sensors that contain their hits; find others, or all if most are wrong, by position."""
        detector = self.detector
        assert detector is not None
        named = np.flatnonzero(sensor >= 0)
        if not len(named):
            return detector.locate(xyz)
        rows = sensor[named]
        local = detector.to_local(rows, xyz[named])
        inside = np.abs(local[:, 0]) <= detector.half_u[rows] + BELIEF
        inside &= np.abs(local[:, 1]) <= detector.half_v[rows] + BELIEF
        inside &= np.abs(local[:, 2]) <= 0.5 * detector.thickness[rows] + BELIEF
        if 2 * np.count_nonzero(inside) < len(named):
            return detector.locate(xyz)
        strays = named[~inside]
        if len(strays):
            sensor = sensor.copy()
            sensor[strays] = detector.locate(xyz[strays])
        return sensor


def _matched(group: tuple[str, ...], fields: Mapping[str, NDArray]) -> tuple[NDArray, ...] | None:
    """The field of each label of a group; None where fewer than half of them have the same name."""
    named = {
        label: name for label in group for name in fields if label in (name, f"{name}_id", f"dd4hep_{name}")
    }
    if 2 * len(named) < len(group):
        return None
    left = [name for name in fields if name not in named.values()]
    for label in group:
        if label not in named:
            if not left:
                return None
            named[label] = left.pop(0)
    return tuple(fields[named[label]] for label in group)


def _packed(columns: tuple[NDArray, ...], size: NDArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """One integer key from several ids; invalid where an id is outside the range of its column."""
    if len(columns) == 1:
        return columns[0].astype(np.int64), np.ones(len(columns[0]), bool)
    key = np.zeros(len(columns[0]), np.int64)
    valid = np.ones(len(columns[0]), bool)
    for column, count in zip(columns, size, strict=True):
        valid &= (column >= 0) & (column < count)
        key = key * int(count) + column.astype(np.int64)
    return key, valid
