"""Trained fast simulations as the engines of the embedded simulation, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gnnreco.errors import BadBundle
from gnnreco.models.state import checked

from .bundle import load_bundle

if TYPE_CHECKING:
    from gnnreco.simulate import Engines

#: Makes showers in any detector.
FASTSIM = "fastsim-any"


def load_engine(*names_or_paths: str | Path) -> Engines:
    """Read what makes showers from bundles of the task ``fastsim``.

    Parameters
    ----------
    *names_or_paths : str or path
        Of the bundles, each for another class of particles; ``fastsim`` is the one of photons and electrons that ships.

    Raises
    ------
    BadBundle
        There is none, it was damaged, it is for another task, or for the same particles as one before.

    Examples
    --------
    >>> from gnnreco.bundle import load_engine
    >>> round(load_engine("fastsim").electromagnetic.highest)
    100
    """
    from gnnreco.simulate import Engines

    engines = Engines()
    for name_or_path in names_or_paths:
        engines = _with(engines, name_or_path)
    return engines


def _with(engines: Engines, name_or_path: str | Path) -> Engines:
    """The engines with that of one more bundle."""
    from gnnreco.models.fastsim.arrays import PARTICLES, fastsim_arrays
    from gnnreco.simulate.showers.learned import engine_of

    bundle = load_bundle(FASTSIM if name_or_path == "fastsim" else name_or_path)
    if bundle.task != "fastsim":
        raise BadBundle(
            bundle.folder, f"is for {bundle.task}, and makes no showers; name a bundle of the task fastsim"
        )
    try:
        # Bundles of before knew one generator, and photons and electrons alone.
        names = ("generator", "width", "steps", "particles")
        new = {key: bundle.config[key] for key in names if key in bundle.config}
        particles = str(new.get("particles", PARTICLES[0]))
        expected = fastsim_arrays(int(bundle.config["hidden"]), int(bundle.config["deposit"]), **new)
        engine, known = engine_of(checked(bundle.state, expected)), getattr(engines, particles)
    except (KeyError, TypeError, ValueError) as error:
        raise BadBundle(bundle.folder, str(error)) from error
    if known is not None:
        raise BadBundle(
            bundle.folder, f"makes showers of the same particles ({particles}) as another engine; name one"
        )
    return engines._replace(**{particles: engine})
