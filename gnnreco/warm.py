"""Compile every kernel now: tiny events go through each path, so that no later run waits for the compiler.

A kernel is compiled for the types of what it is given, and only those who call it know them. So none is compiled by
itself: what people do with each detector is done once, in small.
"""

from __future__ import annotations

import pkgutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TypedDict

import gnnreco
from gnnreco.bundle import default_bundles
from gnnreco.errors import BadBundle
from gnnreco.geometry import list_detectors, load_detector
from gnnreco.geometry.checks.check import check
from gnnreco.kernels.declare import is_kept
from gnnreco.pipeline import Found, Reconstructor
from gnnreco.progress import Progress
from gnnreco.simulate import SimulationOptions, simulate

#: Something of each kind: it ionises, showers, converts and decays.
SOME = SimulationOptions(
    particle="muon,electron,photon,pion,k0s", energy=(2.0, 10.0), count=12, noise_hits=0.02
)
#: The smallest trainings: detector and further settings, by task.
TRAININGS: Mapping[str, tuple[str, ...]] = {
    "tracking": ("detector=telescope", "sample=beam"),
    "clustering": ("detector.name=lar", "sample=showers", "sample.detectors=[]", "task.finder=edges"),
}
FEW = ("sample.events=2", "sample.validation_events=1", "train.epochs=1")


class Row(TypedDict):
    """What one path took."""

    path: str
    seconds: float


def warm(progress: Progress | None = None) -> list[Row]:
    """Run each path once; the kernels it needs are then in `gnnreco.kernels.cache.kernel_folder`.

    Parameters
    ----------
    progress : callable, optional
        Told before each path.

    Returns
    -------
    list of dict
        ``path, seconds``, in the order in which they ran.
    """
    paths, rows = dict(_paths()), list[Row]()
    for path, run in paths.items():
        if progress:
            progress(path, len(rows), len(paths))
        begin = time.perf_counter()
        run()
        rows.append({"path": path, "seconds": round(time.perf_counter() - begin, 1)})
    return rows


def kernels() -> dict[str, bool]:
    """Every kernel that is kept on disk, by module and name, and whether its code is there."""
    found: dict[str, bool] = {}
    for module in pkgutil.walk_packages(gnnreco.__path__, "gnnreco."):
        if "__main__" in module.name:
            continue
        try:
            names = vars(import_module(module.name))
        except ImportError:  # of an optional part that is not installed
            continue
        for name, value in names.items():
            kept = is_kept(value)
            if kept is not None and value.py_func.__module__ == module.name:
                found[f"{module.name.removeprefix('gnnreco.')}.{name}"] = kept
    return found


def _paths() -> Iterator[tuple[str, Callable[[], None]]]:
    for name in list_detectors():
        yield f"simulate, reconstruct and show in {name}", partial(_seen, name)
    yield "check telescope", _checked
    for task in TRAININGS:
        yield f"train {task}", partial(_trained, task)


def _seen(name: str) -> None:
    from gnnreco.display import show_event
    from gnnreco.tasks.explore import explore

    detector = load_detector(name)
    event = next(simulate(detector, "gun", 1, seed=1, options=SOME))
    try:
        found = Reconstructor(detector, default_bundles(detector))(event)
    except BadBundle:  # none that ships serves it
        found = Found({})
    with tempfile.TemporaryDirectory() as folder:
        show_event(event, detector, found.tracks, Path(folder) / "page.html", found.clusters)
    if event.hits.energy is not None:
        explore(event)


def _checked() -> None:
    check("telescope")


def _trained(task: str) -> None:
    from gnnreco.train.settings import compose, run_training

    with tempfile.TemporaryDirectory() as folder:
        run_training(compose(task, [*TRAININGS[task], *FEW]), Path(folder) / "bundle")
