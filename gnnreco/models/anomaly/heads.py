"""What every head can do: learn normal rows, say how strange a row is, and which columns make it so.

A bundle keeps a head as arrays and nothing else: `Head.arrays` gives them, `Head.of_arrays` checks them and takes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadConfig
from gnnreco.files.limits import NUMBER
from gnnreco.models.state import Numbers, checked
from gnnreco.schema import nearest

from .scale import Array, Scale, checked_rows, checked_weights

#: What `Head.arrays` gives.
Arrays = dict[str, NDArray[Any]]


class Head(ABC):
    """A model of normal rows; the subclasses see them as `Scale` gives them.

    Attributes
    ----------
    name : str
        How it is called in settings.
    exact : bool
        Whether `contributions` add up to the score less `base`; otherwise they do so nearly.
    columns : tuple of str
        Names of the columns, for messages; they are not among its arrays.
    base : float
        The part of every score that no column adds.
    """

    name: ClassVar[str]
    exact: ClassVar[bool] = True
    columns: tuple[str, ...] = ()
    base: float = 0.0
    _scale: Scale | None = None

    def fit(self, x: NDArray[np.floating], seed: int, weights: NDArray[np.floating] | None = None) -> None:
        """Learn what is normal: the same numbers, bit by bit, for the same rows in the same order and the same seed.

        Parameters
        ----------
        x : (n, k) float32
            Normal rows.
        seed : int
            Of its random numbers, not negative; the global generators are left as they are.
        weights : (n,) float, optional
            How much each row counts: any unit, not negative.

        Raises
        ------
        ValueError
            No rows, none that differ, a number that is not finite (row and column are named), weights that are none.
        gnnreco.errors.MissingTool
            A package of the extra ``anomaly`` is needed and not installed.
        """
        rows = checked_rows(x, self.columns)
        if not len(rows):
            raise ValueError("there are no rows to learn what is normal from")
        known = checked_weights(weights, len(rows))
        scale = Scale.of(rows, known)
        if not scale.varies.any():
            raise ValueError(
                f"no column varies in the {len(rows)} rows to learn from: nothing tells how far is far"
            )
        self._learn(scale(rows), known, scale.varies, seed)
        self._scale = scale

    @property
    def scale(self) -> Scale:
        """Middle and spread of each column.

        Raises
        ------
        ValueError
            It has learned nothing yet.
        """
        if self._scale is None:
            raise ValueError(f"the head '{self.name}' has learned nothing yet: call fit, or of_arrays")
        return self._scale

    def score(self, x: NDArray[np.floating]) -> Array:
        """How strange each of some rows (n, k) is (n,): the more, the higher.

        Raises
        ------
        ValueError
            Another number of columns than it was fitted to, or a number that is not finite: row and column are named.
        """
        z = self._rows(x)
        return self._scores(z) if len(z) else np.zeros(0)

    def contributions(self, x: NDArray[np.floating]) -> Array:
        """How much each column adds to the score of its row (n, k): what adds nothing has 0, what calms has less.

        Raises
        ------
        ValueError
            As of `score`.
        """
        z = self._rows(x)
        return self._parts(z) if len(z) else np.zeros(z.shape)

    def arrays(self) -> Arrays:
        """All that it learned, by name: what `of_arrays` takes, and `expected` describes."""
        scale = self.scale
        return {
            "middle": scale.middle,
            "spread": scale.spread,
            "base": np.array([self.base]),
            **self._arrays(),
        }

    @classmethod
    def expected(cls, columns: int) -> dict[str, Numbers]:
        """What each array of a head for so many columns must be."""
        return {
            "middle": Numbers((columns,), np.float64, -NUMBER, NUMBER),
            "spread": Numbers((columns,), np.float64, 0.0, NUMBER),
            "base": Numbers((1,), np.float64),
            **cls._expected(columns),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], columns: Sequence[str] = ()) -> Self:
        """The head that gave the arrays; it gives the same scores, bit by bit.

        Raises
        ------
        ValueError
            Arrays that are absent, unknown, of another shape or range, or contradict each other.
        """
        found = checked(arrays, cls.expected(np.asarray(arrays.get("middle", ())).size))
        head = cls()
        head.columns, head.base = tuple(columns), float(found["base"][0])
        head._scale = Scale(found["middle"], found["spread"])
        head._take(found)
        return head

    def _rows(self, x: NDArray[np.floating]) -> Array:
        return self.scale(checked_rows(x, self.columns, len(self.scale.middle)))

    @abstractmethod
    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        """Learn from rows (n, k) in spreads, with weights (n,) of mean 1; sets `base`."""

    @abstractmethod
    def _scores(self, z: Array) -> Array:
        """Scores (n,) of rows (n, k) in spreads."""

    @abstractmethod
    def _parts(self, z: Array) -> Array:
        """Contributions (n, k) of the columns of rows (n, k) in spreads."""

    @abstractmethod
    def _arrays(self) -> Arrays:
        """What it learned besides scale and base."""

    @classmethod
    @abstractmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        """What each of these arrays must be."""

    @abstractmethod
    def _take(self, found: Arrays) -> None:
        """Take these arrays, whose shapes and ranges are as expected."""


def _gaussian() -> type[Head]:
    from .gaussian import Gaussian

    return Gaussian


def _forest() -> type[Head]:
    from .forest import Forest

    return Forest


def _tails() -> type[Head]:
    from .tails import Tails

    return Tails


def _autoencoder() -> type[Head]:
    from .autoencoder import Autoencoder

    return Autoencoder


def _normalised() -> type[Head]:
    from .normalised import NormalisedAutoencoder

    return NormalisedAutoencoder


def _flow() -> type[Head]:
    from .flow import Flow

    return Flow


def _oneclass() -> type[Head]:
    from .oneclass import OneClass

    return OneClass


#: What gives the class of each head, by its name: what a head needs is loaded only where it is used.
HEADS: dict[str, Callable[[], type[Head]]] = {
    "tails": _tails,
    "gaussian": _gaussian,
    "forest": _forest,
    "autoencoder": _autoencoder,
    "normalised": _normalised,
    "flow": _flow,
    "oneclass": _oneclass,
}


def find_head(name: str) -> type[Head]:
    """The class of a head.

    Raises
    ------
    BadConfig
        There is none of that name; the nearest is named.
    """
    if name not in HEADS:
        raise BadConfig(f"unknown head '{name}'{nearest(name, HEADS)}")
    return HEADS[name]()


def fit_head(
    name: str,
    x: NDArray[np.floating],
    seed: int,
    weights: NDArray[np.floating] | None = None,
    columns: Sequence[str] = (),
) -> Head:
    """A head of that name with its usual settings, fitted to normal rows (n, k).

    Parameters
    ----------
    name, x, seed, weights
        As of `find_head` and `Head.fit`.
    columns : sequence of str
        Names of the columns, for messages.

    Examples
    --------
    >>> head = fit_head("gaussian", normal, seed=1)
    >>> head.score(rows), head.contributions(rows)
    """
    head = find_head(name)()
    head.columns = tuple(columns)
    head.fit(x, seed, weights)
    return head
