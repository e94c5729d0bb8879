"""A score in units of what is usual at its nuisance, so that a calibration holds where it has no events of its own.

Bins of the nuisance (`calibrate`) assume nothing, but need calibration events in each of them. A search calibrates in
side-bands and judges between them: there, how middle and width of the score change with the mass must be interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig

from .checked import no_nan

FEWEST = 20  # events in a bin that its median and width are taken of
TAIL = float(stats.norm.sf(1.0))


@dataclass(frozen=True)
class Conditional:
    """Middle and width of a score as smooth functions of a nuisance.

    Made by `fit_conditional`. Scores of one nuisance keep their order.

    Attributes
    ----------
    span : float64 (2,)
        Range of the nuisance that became -1 to 1 in the polynomials.
    middle : float64 (degree + 1,)
        Coefficients of the median, the constant first.
    log_width : float64 (degree + 1,)
        Those of the logarithm of half of the central 68 %.
    """

    span: Floats
    middle: Floats
    log_width: Floats

    def __call__(self, score: ArrayLike, nuisance: ArrayLike) -> Floats:
        """Scores in widths from the middle at their nuisance; float64 (n,)."""
        at = no_nan(nuisance, "nuisance")
        middle, log_width = (Polynomial(part, domain=self.span)(at) for part in (self.middle, self.log_width))
        return (no_nan(score, "scores") - middle) * np.exp(-log_width)

    def arrays(self) -> dict[str, NDArray]:
        """What a bundle stores, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Conditional:
        """What `arrays` stored."""
        if missing := {field.name for field in fields(cls)} - set(arrays):
            raise BadConfig(f"score conditional on a nuisance: without {', '.join(sorted(missing))}")
        return cls(**{field.name: np.asarray(arrays[field.name], np.float64) for field in fields(cls)})


def fit_conditional(scores: ArrayLike, nuisance: ArrayLike, degree: int = 2, bins: int = 12) -> Conditional:
    """Fit middle and width of the score of normal events against a nuisance.

    Parameters
    ----------
    scores, nuisance : (n,)
        Of normal events; finite. They should be others than those that calibrate: then p-values are exact at the masses that
        were calibrated, and as right elsewhere as the form is.
    degree : int
        Of both polynomials.
    bins : int
        With equally many events, to whose medians and widths the polynomials are fitted; fewer where there are few events.
    """
    score, at = no_nan(scores, "scores"), no_nan(nuisance, "nuisance")
    if len(score) != len(at):
        raise BadConfig(f"{len(score)} scores, but a nuisance for {len(at)} events")
    bins = min(bins, len(score) // FEWEST)
    if bins <= degree or not (np.isfinite(score).all() and np.isfinite(at).all()):
        raise BadConfig(
            f"a score conditional on a nuisance needs finite numbers of at least {(degree + 1) * FEWEST} events, "
            f"not {len(score)}"
        )
    span = np.array([at.min(), at.max()])
    if span[0] == span[1]:
        raise BadConfig("the nuisance is the same in all events: nothing depends on it")
    parts = np.array_split(np.lexsort((score, at)), bins)
    place = np.array([at[part].mean() for part in parts])
    low, middle, high = np.array([np.quantile(score[part], [TAIL, 0.5, 1 - TAIL]) for part in parts]).T
    width = (high - low) / 2
    if not (width > 0).all():
        raise BadConfig(
            "more than two thirds of the scores of a bin of the nuisance are equal: they have no width"
        )
    fitted = [
        np.asarray(Polynomial.fit(place, y, degree, domain=span).coef, np.float64)
        for y in (middle, np.log(width))
    ]
    return Conditional(span, *fitted)
