"""Names of before: they work for one release more, and say what they are called now."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module


def old_names(module: str, now: Mapping[str, str]) -> Callable[[str], object]:
    """What a module whose public names have changed takes as its ``__getattr__``.

    Parameters
    ----------
    module : str
        Its ``__name__``.
    now : mapping of str
        For each old name, where it is now and how it is called there: ``gnnreco.graphs.drift.samples.PadSamples``.

    Examples
    --------
    >>> __getattr__ = old_names(__name__, {"ChargePoints": "gnnreco.tasks.drift.points.DriftPoints"})
    """

    def get(name: str) -> object:
        if name not in now:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        said = f"{module}.{name} is now {now[name]}; the old name goes with the next release"
        warnings.warn(said, DeprecationWarning, stacklevel=2)
        place, _, new = now[name].rpartition(".")
        return getattr(import_module(place), new)

    return get
