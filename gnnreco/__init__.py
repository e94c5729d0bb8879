"""Graph-network reconstruction for any particle detector: raw hits in; tracks, clusters and particles out.

All that a notebook needs is here; nothing heavy is loaded before it is used.

>>> import gnnreco
>>> detector = gnnreco.load_detector("telescope")
>>> event = next(gnnreco.simulate(detector, "beam", particle="muon", energy=(1, 10), count=3, seed=1))
>>> len(event.hits), len(event.truth)
(18, 3)

What there is
    `list_detectors`, `load_detector`: a `Detector` that is installed, or in a folder of your own;
    `list_bundles`, `load_bundle`: a `Bundle`, which is a trained model;
    `open_events`: an `EventSource`, which is a sequence of events in files of any format.
    `Reconstructor(detector, bundles)`: what is in an event, as `reconstruct(event)` of it finds it.
What the command line does, as functions (their names are packages too, and both work)
    `simulate(detector, process, ...)` makes events;
    `reconstruct(inputs, detector, bundles, output)` turns files of hits into files of tracks, clusters and particles;
    `evaluate(folder, truth)` scores these; `show(event, detector)` draws them as a page;
    `compare(detectors)` runs the same particles through detectors; `train(task, settings, output)` makes a bundle,
    and `report(bundle, data)` tells what it does, what it reads and where it fails;
    `search(table, resonance)` looks for a bump in a table of events.
Tables of one event
    `Event`, `Hits`, `Truth`, `Particles`, `Tracks`, `Clusters`, `ReconstructedParticles`: arrays in mm, ns, GeV and
    tesla, cut by ``tracks[tracks.pt > 1]``, joined by `concatenate`, handed on by ``.to_pandas()`` and ``.to_awkward()``.

Every error that gnnreco raises on purpose is a `gnnreco.errors.GnnrecoError`, and says what to do.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnreco.bundle import Bundle, list_bundles, load_bundle
    from gnnreco.columns import (
        Clusters,
        Event,
        Hits,
        Particles,
        ReconstructedParticles,
        Tracks,
        Truth,
        concatenate,
    )
    from gnnreco.compare import compare_detectors as compare
    from gnnreco.events import EventSource, open_events
    from gnnreco.front import report, show, train
    from gnnreco.generate import simulate
    from gnnreco.geometry import Detector, list_detectors, load_detector
    from gnnreco.pipeline import Reconstructor
    from gnnreco.reconstruct import reconstruct
    from gnnreco.score import evaluate
    from gnnreco.search import search_table as search

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "Clusters",
    "Detector",
    "Event",
    "EventSource",
    "Hits",
    "Particles",
    "ReconstructedParticles",
    "Reconstructor",
    "Tracks",
    "Truth",
    "compare",
    "concatenate",
    "evaluate",
    "list_bundles",
    "list_detectors",
    "load_bundle",
    "load_detector",
    "open_events",
    "reconstruct",
    "report",
    "search",
    "show",
    "simulate",
    "train",
]

#: The module that defines each name.
_HOMES = {
    "Bundle": "gnnreco.bundle",
    "Clusters": "gnnreco.columns",
    "Detector": "gnnreco.geometry",
    "Event": "gnnreco.columns",
    "EventSource": "gnnreco.events",
    "Hits": "gnnreco.columns",
    "Particles": "gnnreco.columns",
    "ReconstructedParticles": "gnnreco.columns",
    "Reconstructor": "gnnreco.pipeline",
    "Tracks": "gnnreco.columns",
    "Truth": "gnnreco.columns",
    "concatenate": "gnnreco.columns",
    "list_bundles": "gnnreco.bundle",
    "list_detectors": "gnnreco.geometry",
    "load_bundle": "gnnreco.bundle",
    "load_detector": "gnnreco.geometry",
    "open_events": "gnnreco.events",
    "show": "gnnreco.front",
}
#: Verbs that are named like the package of their code: module and name of the function.
_VERBS = {
    "compare": ("gnnreco.compare", "compare_detectors"),
    "evaluate": ("gnnreco.score", "evaluate"),
    "reconstruct": ("gnnreco.reconstruct", "reconstruct"),
    "report": ("gnnreco.front", "report"),
    "search": ("gnnreco.search", "search_table"),
    "simulate": ("gnnreco.generate", "simulate"),
    "train": ("gnnreco.front", "train"),
}


class _Verb(ModuleType):
    """A package that is called as the verb of its name; else a module like any other.

    Importing ``gnnreco.simulate`` makes the attribute ``simulate`` of this package that module, and nothing can keep
    Python from it. So the function cannot have the name for itself; the module can be called in its place.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    @property
    def _function(self) -> Any:
        module, name = _VERBS[self.__name__.rpartition(".")[2]]
        return getattr(import_module(module), name)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """What `help` shows: how the verb is called, and what package has its name."""
        from inspect import getdoc, signature

        name, package = self.__name__.rpartition(".")[2], vars(self).get("__doc__") or ""
        first, _, rest = (getdoc(self._function) or "").partition("\n\n")
        return (
            f"{first}\n\n{name}{signature(self._function)}\n\n{rest}\n\nThe package of this name: {package}"
        )

    @property
    def __signature__(self) -> Any:
        from inspect import signature

        return signature(self._function)


class _FrontDoor(ModuleType):
    """The type of this package: it makes a verb of each module that has the name of one, when Python imports it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _VERBS and type(value) is ModuleType:
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
