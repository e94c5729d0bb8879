"""The track fit under the name it had before it got a room of its own: scripts of users import it from here."""

from gnnreco.fit.trackfit import FitResult, fit_tracks

__all__ = ["FitResult", "fit_tracks"]
