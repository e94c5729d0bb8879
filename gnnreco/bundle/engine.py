"""A trained fast simulation as an engine of the embedded simulation, without torch."""

from __future__ import annotations

from pathlib import Path

from gnnreco.errors import BadBundle
from gnnreco.models.fastsim.arrays import fastsim_arrays
from gnnreco.models.state import checked
from gnnreco.simulate import Engine
from gnnreco.simulate.showers.learned import engine_of

from .bundle import load_bundle

#: Makes showers in any detector.
FASTSIM = "fastsim-any"


def load_engine(name_or_path: str | Path) -> Engine:
    """Read what makes showers from a bundle of the task ``fastsim``.

    Parameters
    ----------
    name_or_path : str or path
        Of the bundle; ``fastsim`` is the one that ships.

    Raises
    ------
    BadBundle
        There is none, it was damaged, or it is for another task.

    Examples
    --------
    >>> from gnnreco.bundle import load_engine
    >>> round(load_engine("fastsim").highest)
    100
    """
    bundle = load_bundle(FASTSIM if name_or_path == "fastsim" else name_or_path)
    if bundle.task != "fastsim":
        raise BadBundle(
            bundle.folder, f"is for {bundle.task}, and makes no showers; name a bundle of the task fastsim"
        )
    try:
        # Bundles of before knew one generator.
        new = {key: bundle.config[key] for key in ("generator", "width", "steps") if key in bundle.config}
        expected = fastsim_arrays(int(bundle.config["hidden"]), int(bundle.config["deposit"]), **new)
        return engine_of(checked(bundle.state, expected))
    except (KeyError, TypeError, ValueError) as error:
        raise BadBundle(bundle.folder, str(error)) from error
