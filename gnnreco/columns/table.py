"""What all columns can do: be cut by rows, joined, compared, shown, and handed to pandas and awkward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from types import ModuleType
from typing import Any, ClassVar, NoReturn, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns.arrays import Ints, agreed, cut, same
from gnnreco.errors import MissingTool
from gnnreco.summary import counted, rows_table

#: What stands in brackets: one row, a range, rows by number in any order, or a mask.
Index = int | np.integer | slice | ArrayLike
SHOWN = 5  # rows in a notebook


class Columns:
    """A table as named arrays; a base of the frozen dataclasses, whose members are its columns.

    A member is one value a row (an array whose first axis are the rows, or columns itself), unless the class says
    otherwise: a member `offsets` cuts those named in `RAGGED` (another one where `OFFSETS` says so), and those in
    `SHARED` say the same of all rows.

    Two tables are equal if they are of one class and hold the same numbers; NaN equals NaN here.
    """

    __slots__ = ()
    #: Members whose entries ``offsets[i]:offsets[i + 1]`` belong to row ``i``.
    RAGGED: ClassVar[tuple[str, ...]] = ()
    #: The member with the offsets of a ragged one, where it is not `offsets`.
    OFFSETS: ClassVar[Mapping[str, str]] = {}
    #: Members that are no column.
    SHARED: ClassVar[tuple[str, ...]] = ()
    #: Properties that other libraries get as columns too.
    DERIVED: ClassVar[tuple[str, ...]] = ()
    #: What the second axis of a member means, where its entries have names.
    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: Singular and plural of a row.
    NOUN: ClassVar[tuple[str, str]] = ("row", "rows")

    def __len__(self) -> int:
        if self.RAGGED:
            return len(self._offsets_of(self.RAGGED[0])) - 1
        return len(next(iter(self._columns().values())))

    def __getitem__(self, index: Index) -> Self:
        """The rows of an index: an int (one row, as columns of length 1), a slice, row numbers or a mask (n,).

        Raises
        ------
        IndexError
            A row that is not there, a mask of another length, or an index that is none of these.
        """
        rows = np.atleast_1d(np.arange(len(self))[index])  # type: ignore[index]
        if rows.ndim != 1:
            raise IndexError(
                f"{type(self).__name__} have rows only: give a number, a slice, row numbers or a mask"
            )
        return self._taken(rows)

    def __iter__(self) -> Iterator[Self]:
        """Each row, as columns of length 1."""
        return (self[row] for row in range(len(self)))

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} are several columns, not one array: name one of them")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([counted(len(self), *self.NOUN), *self._facts()])})"

    def _repr_html_(self) -> str:
        first = self[:SHOWN]
        flat = {name: values for name, values in first._flat().items() if np.ndim(values) == 1}
        columns = {name: [_text(value) for value in values] for name, values in flat.items()}
        dots = {name: [*texts, "…"] for name, texts in columns.items()} if len(self) > SHOWN else columns
        return rows_table(repr(self), dots)

    def to_pandas(self) -> Any:
        """A pandas DataFrame of one row a row; see the class for the units.

        A member of two axes becomes a column for each entry of the second (``covariance_0``, ``axis_x``); a ragged
        member holds an array in each row; columns inside columns (`Hits.deposits`) stay behind.

        Raises
        ------
        MissingTool
            pandas is not installed.
        """
        pandas = optional("pandas", "to_pandas")
        columns = {name: pandas.Series(values) for name, values in self._flat().items()}
        for name, (offsets, values) in self._ragged().items():
            lists = np.empty(len(self), object)
            for row, (start, stop) in enumerate(pairwise(offsets)):
                lists[row] = values[start:stop]
            columns[name] = pandas.Series(lists)
        return pandas.DataFrame(columns)

    def to_awkward(self) -> Any:
        """An awkward Array of one record a row, with lists where a member is ragged; see the class for the units.

        Raises
        ------
        MissingTool
            awkward is not installed.
        """
        awkward = optional("awkward", "to_awkward", "root")
        arrays = {
            name: value.to_awkward() if isinstance(value, Columns) else awkward.from_numpy(value)
            for name, value in self._content().items()
        }
        for name, (offsets, values) in self._ragged().items():
            arrays[name] = awkward.unflatten(values, np.diff(offsets))
        return awkward.zip(arrays, depth_limit=1)

    def _facts(self) -> list[str]:
        """What the line of `repr` says besides the number of rows."""
        return []

    def _columns(self) -> dict[str, Any]:
        """The members with one value a row that are there."""
        apart = {*self._cuts(), *self.RAGGED, *self.SHARED}
        members = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}  # type: ignore[arg-type]
        return {name: value for name, value in members.items() if value is not None}

    @classmethod
    def _cuts(cls) -> set[str]:
        """The members that are offsets of ragged ones."""
        return {cls.OFFSETS.get(name, "offsets") for name in cls.RAGGED}

    def _offsets_of(self, name: str) -> Ints:
        """The offsets of a ragged member."""
        return getattr(self, self.OFFSETS.get(name, "offsets"))  # type: ignore[no-any-return]

    def _ragged(self) -> dict[str, tuple[Ints, NDArray]]:
        """Offsets and entries of the ragged members that are there."""
        held = {name: getattr(self, name) for name in self.RAGGED}
        return {name: (self._offsets_of(name), value) for name, value in held.items() if value is not None}

    def _content(self) -> dict[str, Any]:
        """The columns with the derived ones."""
        return self._columns() | {name: getattr(self, name) for name in self.DERIVED}

    def _flat(self) -> dict[str, NDArray]:
        """The columns as arrays of one axis each, with the derived ones."""
        flat: dict[str, NDArray] = {}
        for name, value in self._content().items():
            if isinstance(value, Columns):
                continue
            if value.ndim == 1:
                flat[name] = value
            else:
                entries = value.reshape(len(value), int(np.prod(value.shape[1:])))
                said = self._axes().get(name) or tuple(map(str, range(entries.shape[1])))
                flat |= {f"{name}_{entry}": entries[:, i] for i, entry in enumerate(said)}
        return flat

    def _axes(self) -> Mapping[str, tuple[str, ...]]:
        return self.AXES

    def _taken(self, rows: Ints) -> Self:
        members = {name: value[rows] for name, value in self._columns().items()}
        for cuts in self._cuts():
            members[cuts], inside = cut(getattr(self, cuts), rows)
            for name, (_, values) in self._ragged().items():
                if self.OFFSETS.get(name, "offsets") == cuts:
                    members[name] = values[inside]
        return replace(self, **members)  # type: ignore[type-var]

    @classmethod
    def _joined(cls, parts: Sequence[Self]) -> Self:
        filled = [part for part in parts if len(part)] or [parts[0]]
        members: dict[str, Any] = {}
        for name in (f.name for f in fields(cls)):  # type: ignore[arg-type]
            values = [getattr(part, name) for part in filled]
            if name in cls.SHARED:
                members[name] = agreed(name, [getattr(part, name) for part in parts])
            elif name in cls._cuts():
                size = np.concatenate([np.diff(value) for value in values])
                members[name] = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
            elif all(value is None for value in values):
                members[name] = None
            elif any(value is None for value in values):
                raise ValueError(
                    f"{name}: some of these {cls.__name__} have it, others do not; leave it out of all"
                )
            elif isinstance(values[0], Columns):
                members[name] = concatenate(values)
            else:
                members[name] = np.concatenate(values)
        return cls(**members)


Table = TypeVar("Table", bound=Columns)


def concatenate(parts: Sequence[Table]) -> Table:
    """Tables of one class, one below the other.

    Numbers that name hits and particles stay as they are. So tracks and clusters may come from one event, found by
    several means or cut with ``[rows]``: their `hit_index` are rows of that event's hits. Of several events, `hit_index`,
    `hit_id` and `particle_id` still mean those of the event that each row came from, which the result does not tell:
    keep the event's number beside it (`numpy.repeat` of the numbers by the lengths).
    Parts of a `Truth` belong to the same hits, and its links are renumbered to the particles of the result.

    Parameters
    ----------
    parts : sequence of columns
        At least one; empty ones count for nothing.

    Returns
    -------
    columns
        Of the same class, with the rows of all parts in their order.

    Raises
    ------
    ValueError
        There is no part; a column is in some parts only; what all rows share differs.
    TypeError
        Parts of several classes.

    Examples
    --------
    >>> import numpy as np
    >>> from gnnreco.columns import Clusters, concatenate
    >>> concatenate([Clusters(), Clusters()])
    Clusters(0 clusters)
    """
    held = list(parts)
    if not held:
        raise ValueError("nothing to join: give at least one part")
    kinds = sorted({type(part).__name__ for part in held})
    if len(kinds) > 1 or not isinstance(held[0], Columns):
        raise TypeError(f"these are {' and '.join(kinds)}; columns of one class can be joined")
    return type(held[0])._joined(held)


def optional(module: str, what: str, extra: str = "") -> ModuleType:
    """A library that gnnreco itself does without, or `MissingTool` with how to get it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingTool(module, f"{what} needs it: pip install 'gnnreco[{extra or module}]'") from error


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
