"""Conformal p-values: how often a normal event looks at least as strange, counted in a sample of normal events.

Nothing is assumed about the score. If the event and the calibration sample are exchangeable (drawn alike, and the score
learned from neither), ``P(p <= a) <= a`` for every a, at any size of the sample (Vovk, Gammerman, Shafer, *Algorithmic
learning in a random world*, 2005; Bates et al., arXiv 2104.08279).

Where they are not exchangeable, as with a score that grows with the mass and a calibration in side-bands, plain p-values
make excesses out of nothing (arXiv 2606.13780). Two forms repair this: a calibration of its own in each bin of a nuisance
(*Mondrian*), and weights that give the calibration sample the distribution of the events that are judged (Tibshirani et
al., arXiv 1904.06019). No form can repair a score that no calibration event of the same nuisance has shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadConfig, BadInput

from .checked import no_nan
from .intervals import COVERAGE, clopper_pearson


class TooFewEvents(BadConfig):
    """A calibration sample too small for the p-value or the rate that is asked for."""


@dataclass(frozen=True)
class Calibration:
    """Scores of normal events, by which a score becomes a p-value; a higher score is stranger.

    Made by `calibrate`.

    Attributes
    ----------
    score : float64 (n,)
        Of the calibration sample: bin after bin of the nuisance, rising in each.
    weight : float64 (n,) or (0,)
        Of each score; none where all count alike.
    start : int64 (bins + 1,)
        Scores of bin b are ``score[start[b]:start[b + 1]]``.
    edges : float64 (bins + 1,) or (0,)
        Of the bins of the nuisance; none where there is one bin and no nuisance. What lies beyond the first or the last edge
        counts to the bin at this end (see `outside`).
    """

    score: Floats
    weight: Floats
    start: Ints
    edges: Floats

    def __post_init__(self) -> None:
        sizes = np.diff(self.start)
        if self.start[0] != 0 or self.start[-1] != len(self.score) or not (sizes > 0).all():
            raise BadConfig("calibration: every bin needs at least one score")
        if len(self.edges) not in ({0, 2} if len(sizes) == 1 else {len(sizes) + 1}):
            raise BadConfig(f"calibration: {len(self.edges)} edges do not make {len(sizes)} bins")
        if not (np.diff(self.edges) > 0).all():
            raise BadConfig("calibration: the edges of the bins do not rise")
        if np.isnan(self.score).any() or not all(
            (np.diff(part) >= 0).all() for part in self._bins(self.score)
        ):
            raise BadConfig("calibration: the scores of a bin must rise and be no NaN")
        if len(self.weight):
            whole = len(self.weight) == len(self.score) and np.isfinite(self.weight).all()
            if not whole or (self.weight < 0).any() or not all(w.sum() > 0 for w in self._bins(self.weight)):
                raise BadConfig(
                    "calibration: weights must be finite, not negative, and some in each bin not zero"
                )

    def __len__(self) -> int:
        return len(self.score)

    def arrays(self) -> dict[str, NDArray]:
        """What a bundle stores, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Calibration:
        """The calibration that `arrays` stored; `BadConfig` where they are none."""
        missing = {field.name for field in fields(cls)} - set(arrays)
        if missing:
            raise BadConfig(f"calibration: without {', '.join(sorted(missing))}")
        floats = {name: np.asarray(arrays[name], np.float64) for name in ("score", "weight", "edges")}
        return cls(start=np.asarray(arrays["start"], np.int64), **floats)

    @property
    def effective(self) -> Floats:
        """How many events of equal weight each bin is worth: ``(sum w)^2 / sum w^2`` (Kish); float64 (bins,)."""
        if not len(self.weight):
            return np.diff(self.start).astype(np.float64)
        return np.array([w.sum() ** 2 / (w**2).sum() for w in self._bins(self.weight)])

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that an event can have in every bin: 1 / (n + 1) with n scores in the poorest.

        With weights that of an event with the largest weight of its bin.
        """
        if not len(self.weight):
            return float(1 / (np.diff(self.start).min() + 1))
        return float(max(w.max() / (w.sum() + w.max()) for w in self._bins(self.weight)))

    def shortfall(self, p: float) -> str:
        """What is missing for a p-value as small as `p`, as a sentence; empty where nothing is."""
        if not 0 < p <= 1:
            raise BadConfig(f"a p-value of {p:g}: give one above 0 and not above 1")
        if p >= self.smallest_p:
            return ""
        needed = fewest_events(p)
        sizes = np.diff(self.start)
        have = f"{sizes.min():,} calibration events" + (" in the poorest bin" if len(sizes) > 1 else "")
        each = " in each bin" if len(sizes) > 1 else ""
        each += " with equal weights, more with these" if len(self.weight) else ""
        return (
            f"a p-value of {p:.3g} cannot be claimed with {have}: the smallest is {self.smallest_p:.3g}; "
            f"calibrate with at least {needed:,} normal events{each}"
        )

    def claim(self, p: float) -> None:
        """Raise `TooFewEvents` where the calibration is too small for a p-value as small as `p`."""
        if text := self.shortfall(p):
            raise TooFewEvents(text)

    def p_value(
        self, score: ArrayLike, nuisance: ArrayLike | None = None, weight: ArrayLike | None = None
    ) -> Floats:
        """The part of normal events whose score is at least as high, the event itself counted among them.

        Equal scores count as higher, so scores with few values give p-values that are too large, never too small.

        Parameters
        ----------
        score : (m,)
        nuisance : (m,), optional
            Needed where the calibration has bins of it.
        weight : (m,), optional
            Likelihood ratio of each event, as the calibration sample has it; needed where that has weights.

        Returns
        -------
        float64 (m,)
            ``(1 + #{calibration >= score}) / (n + 1)``, or with weights ``(w + sum of w_i with calibration >= score) / (w +
            sum of w_i)``.

        Raises
        ------
        BadInput
            A NaN, with its row.
        BadConfig
            A nuisance or weights that are missing, or that the calibration does not know.
        """
        score, place = self._placed(score, nuisance)
        above, total = self._above(score, place)
        own = self._own(weight, len(score))
        return (own + above) / (own + total)

    def interval(
        self,
        score: ArrayLike,
        nuisance: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        coverage: float = COVERAGE,
    ) -> Floats:
        """Interval of the true part of normal events with at least this score, from the size of the calibration sample.

        Exact (Clopper, Pearson) for equal weights; with others that of as many events as the weights of the bin are worth,
        or of the fewer ones that those above the score are worth. The p-value counts the event itself, so it may lie above.

        Returns
        -------
        float64 (m, 2)
        """
        score, place = self._placed(score, nuisance)
        self._own(weight, len(score))
        above, total = self._above(score, place)
        worth = self.effective[place]
        if len(self.weight):
            squares = self._above(score, place, self.weight**2)[0]
            local = np.divide(above**2, squares, out=worth.copy(), where=squares > 0)
            part = above / total
            worth = np.minimum(worth, np.divide(local, part, out=worth.copy(), where=part > 0))
        return clopper_pearson(worth * above / total, worth, coverage)

    def outside(self, nuisance: ArrayLike) -> NDArray[np.bool_]:
        """Which events have a nuisance beyond the edges, where their p-values are those of the bin at the end; bool (m,)."""
        values = no_nan(nuisance, "nuisance")
        if not len(self.edges):
            return np.zeros(len(values), bool)
        return (values < self.edges[0]) | (values > self.edges[-1])

    def bin_of(self, nuisance: ArrayLike) -> Ints:
        """The bin of each event; int64 (m,)."""
        return np.searchsorted(self.edges[1:-1], no_nan(nuisance, "nuisance"), side="right").astype(np.int64)

    def _bins(self, values: Floats) -> list[Floats]:
        return np.split(values, self.start[1:-1])

    def _placed(self, score: ArrayLike, nuisance: ArrayLike | None) -> tuple[Floats, Ints]:
        values = no_nan(score, "scores")
        if (nuisance is None) == bool(len(self.edges)):
            wrong = (
                "has bins of a nuisance: give that of each event" if nuisance is None else "knows no nuisance"
            )
            raise BadConfig(f"the calibration {wrong}")
        place = np.zeros(len(values), np.int64) if nuisance is None else self.bin_of(nuisance)
        if len(place) != len(values):
            raise BadConfig(f"{len(values)} scores, but a nuisance for {len(place)} events")
        return values, place

    def _own(self, weight: ArrayLike | None, events: int) -> Floats:
        if (weight is None) == bool(len(self.weight)):
            wrong = "has weights: give that of each event" if weight is None else "has no weights"
            raise BadConfig(f"the calibration {wrong}")
        own = np.ones(events) if weight is None else no_nan(weight, "weights")
        if len(own) != events or not (np.isfinite(own) & (own >= 0)).all():
            raise BadConfig("weights must be finite, not negative, and one for each event")
        return own

    def _above(self, score: Floats, place: Ints, weight: Floats | None = None) -> tuple[Floats, Floats]:
        """Sum of weights with at least this score, and of all weights, in the bin of each event."""
        weight = self.weight if weight is None else weight
        above, total = np.zeros(len(score)), np.zeros(len(score))
        for b in np.unique(place):
            mine = place == b
            bin_ = slice(self.start[b], self.start[b + 1])
            below = np.searchsorted(self.score[bin_], score[mine], side="left")
            w = weight[bin_] if len(weight) else np.ones(bin_.stop - bin_.start)
            tail = np.append(np.cumsum(w[::-1])[::-1], 0.0)
            above[mine], total[mine] = tail[below], tail[0]
        return above, total


def calibrate(
    scores: ArrayLike,
    nuisance: ArrayLike | None = None,
    edges: ArrayLike | int = 8,
    weights: ArrayLike | None = None,
) -> Calibration:
    """Calibrate a score with normal events that it was not learned from.

    Parameters
    ----------
    scores : (n,)
        Of normal events; a higher one is stranger.
    nuisance : (n,), optional
        Each bin of it is calibrated by itself (Mondrian), so that p-values mean the same in all of them.
    edges : (bins + 1,) or int
        Of the bins, in the unit of the nuisance, or how many bins with equally many events; fewer where the nuisance has too
        few values.
    weights : (n,), optional
        Likelihood ratio (events that will be judged over calibration sample) at each event, in any unit.

    Returns
    -------
    Calibration
        Its method `p_value` judges other events.

    Raises
    ------
    BadInput
        No events, or a NaN, with its row.
    BadConfig
        A bin without events, edges that do not rise, negative weights.

    Examples
    --------
    >>> import numpy as np
    >>> made = calibrate(np.arange(99.0))
    >>> made.smallest_p
    0.01
    >>> made.p_value([49.0, 1000.0])
    array([0.51, 0.01])
    """
    score = no_nan(scores, "calibration scores")
    if not len(score):
        raise BadInput("calibration scores", "", "there is no event; give a sample of normal events")
    weight = np.zeros(0) if weights is None else no_nan(weights, "calibration weights")
    corners, place = np.zeros(0), np.zeros(len(score), np.int64)
    if nuisance is not None:
        values = no_nan(nuisance, "calibration nuisance")
        if len(values) != len(score):
            raise BadConfig(f"{len(score)} calibration scores, but a nuisance for {len(values)} events")
        corners = _edges(values, edges)
        place = np.searchsorted(corners[1:-1], values, side="right").astype(np.int64)
    if len(weight) not in {0, len(score)}:
        raise BadConfig(f"{len(score)} calibration scores, but {len(weight)} weights")
    count = np.bincount(place, minlength=max(len(corners) - 1, 1))
    if not count.all():
        low, high = corners[np.argmin(count) :][:2]
        raise BadConfig(
            f"no calibration event with a nuisance of {low:g} to {high:g}: give more events or fewer bins"
        )
    # Weights decide between equal scores, so that the order of the events changes no bit.
    order = np.lexsort((weight if len(weight) else score, score, place))
    return Calibration(
        score[order], weight[order] if len(weight) else weight, np.append(0, np.cumsum(count)), corners
    )


def fewest_events(p: float) -> int:
    """How many calibration events of equal weight a p-value as small as `p` needs: 1 / (n + 1) <= p."""
    return max(int(np.ceil(1 / p * (1 - 1e-12))) - 1, 1)


def _edges(values: Floats, edges: ArrayLike | int) -> Floats:
    if isinstance(edges, int | np.integer):
        if edges < 1:
            raise BadConfig(f"{edges} bins of the nuisance: give at least one")
        corners = np.quantile(values, np.linspace(0, 1, edges + 1), method="inverted_cdf")
        corners = np.unique(corners)
        return corners if len(corners) > 1 else np.array([corners[0], np.nextafter(corners[0], np.inf)])
    corners = no_nan(edges, "edges of the nuisance")
    if len(corners) < 2 or not (np.diff(corners) > 0).all():
        raise BadConfig("edges of the nuisance: give at least two, rising")
    return corners
