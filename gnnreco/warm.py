"""Compile kernels now: tiny events go through the whole chain, so that no later run waits for the compiler.

A kernel is compiled for the types of what it is given, and only those who call it know them. So none is compiled by
itself: what people do with a detector is done once, in small, from files to files.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from gnnreco.bundle import default_bundles
from gnnreco.columns import Event
from gnnreco.errors import BadBundle
from gnnreco.events import open_events
from gnnreco.events.write import write_events
from gnnreco.geometry import Detector, list_detectors, load_detector
from gnnreco.kernels.cache import kernel_folder
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

Step = tuple[str, Callable[[], None]]


class Row(TypedDict):
    """What one step took: seconds, and how many codes it compiled that were not in the folder before."""

    step: str
    seconds: float
    compiled: int


def warm(detectors: Sequence[str | Path] = (), progress: Progress | None = None) -> list[Row]:
    """Run each step once; what it compiles is then in `gnnreco.kernels.cache.kernel_folder`.

    Parameters
    ----------
    detectors : sequence of name or path
        Those whose chain is run: simulate, write, read, reconstruct with the default bundles, show. None: all that are
        installed, then a check of a detector and a tiny training of each kind.
    progress : callable, optional
        Told before each step.

    Returns
    -------
    list of dict
        ``step, seconds, compiled``, in the order in which they ran.

    Raises
    ------
    BadGeometry
        A detector that cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as folder:
        steps, rows = list(_steps(detectors, Path(folder))), list[Row]()
        for name, run in steps:
            if progress:
                progress(name, len(rows), len(steps))
            before, begin = kept(), time.perf_counter()
            run()
            seconds = round(time.perf_counter() - begin, 1)
            rows.append({"step": name, "seconds": seconds, "compiled": kept() - before})
    return rows


def kept() -> int:
    """How many codes lie in the folder of kernels: one for each kernel and types of its arguments, of any version."""
    folder = kernel_folder()
    return sum(1 for _ in folder.glob("*/*.nbc")) if folder else 0


def _steps(detectors: Sequence[str | Path], folder: Path) -> Iterator[Step]:
    for place in detectors or list_detectors():
        chain = _Chain(load_detector(place), folder)
        for what in (chain.simulate, chain.reconstruct, chain.show):
            yield f"{chain.detector.name}: {what.__name__}", what
    if detectors:
        return
    yield "telescope: check", _check
    for task in TRAININGS:
        yield f"train {task}", _Training(task, folder / "bundle" / task)


class _Chain:
    """What is done with a detector, step by step."""

    def __init__(self, detector: Detector, folder: Path) -> None:
        self.detector, self.folder = detector, folder / detector.name
        self.event: Event | None = None
        self.found = Found({})

    def simulate(self) -> None:
        events = simulate(self.detector, "gun", 1, seed=1, options=SOME)
        write_events(events, self.folder, detector=self.detector)

    def reconstruct(self) -> None:
        event = self.event = open_events(self.folder, self.detector)[0]
        try:
            self.found = Reconstructor(self.detector, default_bundles(self.detector))(event)
        except BadBundle:  # none that ships serves it
            self.found = Found({})

    def show(self) -> None:
        from gnnreco.display import show_event
        from gnnreco.tasks.explore import explore

        if self.event is None:
            return
        found, page = self.found, self.folder / "page.html"
        show_event(self.event, self.detector, found.tracks, page, found.clusters, particles=found.particles)
        if self.event.hits.energy is not None:
            explore(self.event)


def _check() -> None:
    from gnnreco.geometry.checks.check import check

    check("telescope")


class _Training:
    """A training on two events."""

    def __init__(self, task: str, folder: Path) -> None:
        self.task, self.folder = task, folder

    def __call__(self) -> None:
        from gnnreco.train.settings import compose, run_training

        run_training(compose(self.task, [*TRAININGS[self.task], *FEW]), self.folder)
