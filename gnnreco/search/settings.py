"""What a search is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from gnnreco.schema import nearest, within

from .methods import METHODS

BACKGROUNDS = ("function", "gp")


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Choices of a search.

    Attributes
    ----------
    method : str
        One of `gnnreco.search.METHODS`.
    mass_range : (float, float), optional
        Events of other masses are left out of all tables, such as those below the mass at which a selection is full.
    signal_region : (float, float), optional
        The one window of mass; by default windows of a sixth of the range, which overlap by half, are scanned.
    background : str
        ``function`` or ``gp``: what the spectrum is without signal.
    parameters : int
        Of the function: 3 or 4.
    keep : float
        Share of the events, the highest scores of each fold, that make the spectrum.
    folds : int
        No event is judged by a score that has seen it: it is learned on the other folds.
    members : int
        Boosted classifiers that vote.
    trees : int, optional
        Of each of them, at most; by default what suits the method.
    epochs : int
        Of each flow.
    toys : int
        Pseudo-experiments for the global p-value.
    seed : int
    """

    method: str = "cwola"
    mass_range: tuple[float, float] | None = None
    signal_region: tuple[float, float] | None = None
    background: str = "function"
    parameters: int = 3
    keep: float = 0.01
    folds: int = 5
    members: int = 10
    trees: int | None = None
    epochs: int = 30
    toys: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"no method '{self.method}'{nearest(self.method, METHODS)}")
        if self.background not in BACKGROUNDS:
            raise ValueError(f"no background '{self.background}'{nearest(self.background, BACKGROUNDS)}")
        if self.mass_range is not None and not self.mass_range[0] < self.mass_range[1]:
            low, high = self.mass_range
            raise ValueError(
                f"mass_range goes from the lower mass to the higher one, not {low:g} to {high:g}"
            )
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must lie above 0 and not above 1, not {self.keep:g}")
        within(self, 2, 100, "folds")
        within(self, 3, 4, "parameters")
        within(self, 1, 1000, "members", "epochs", *(() if self.trees is None else ("trees",)))
        within(self, 10, 1_000_000, "toys")
        within(self, 0, 2**31 - 1, "seed")
