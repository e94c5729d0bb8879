"""The front of accuracy against resources: one model trained again and again, each time under more pressure to be small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.bundle import load_bundle, load_task
from gnnreco.bundle.files import MANIFEST, without_places
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.rtl.pipeline import estimate
from gnnreco.errors import BadBundle, BadInput
from gnnreco.files.atomic import REPLACE, refuse, write_file
from gnnreco.progress import Progress
from gnnreco.tasks.trigger.task import TriggerTask, alive
from gnnreco.train.settings import compose, run_training

#: Pressures in loss per LUT: from hardly any to where accuracy is lost.
PRESSURES = (1e-6, 3e-6, 1e-5, 2e-5, 4e-5, 8e-5, 1.6e-4, 3.2e-4)
FRONT = "front.json"


@dataclass(frozen=True, slots=True)
class Point:
    """One model of the front.

    Attributes
    ----------
    pressure : float
        Loss per LUT.
    accuracy : float
        Of the exact answers to the examples that the bundle keeps.
    luts, delay_ns : float
        As alkaid estimates them: no synthesis has run.
    weights, of : int
        That are left, of all.
    """

    bundle: str
    pressure: float
    accuracy: float
    luts: float
    delay_ns: float
    weights: int
    of: int


def search(
    bundle: str | Path,
    output: Path,
    overrides: Sequence[str],
    pressures: Sequence[float] = PRESSURES,
    progress: Progress | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> list[Point]:
    """Train a trigger bundle under growing pressure, each model from the one before; the points lie in `output`.

    Parameters
    ----------
    bundle : str or path
        Where to start.
    output : path
        Gets a bundle for each point, `FRONT`, and a picture.
    overrides : sequence of str
        As for `gnnreco train`: at least ``sample.inputs``; ``train.epochs`` are those of each point.
    pressures : sequence of float
        Ascending.
    resume : bool
        Keep the points that are there: a search that was cut off goes on.
    overwrite : bool
        Replace an earlier search in `output`.

    Raises
    ------
    BadBundle
        If the bundle is none for triggers.
    BadInput
        If `output` holds points that nobody asked to keep or to replace, or to go on with those of another search.
    """
    start = load_bundle(bundle)
    if start.task != "trigger":
        raise BadBundle(bundle, "is not for triggers: a search needs a bundle of `gnnreco train trigger`")
    if start.config["network"]["kind"] == "slots":
        why = "answers with four-momenta, of which none is right or wrong: train it with task.resource=... instead"
        raise BadBundle(bundle, why)
    if start.config["network"].get("score", "none") != "none":
        why = "answers with a score, of which none is right or wrong: train it with task.resource=... instead"
        raise BadBundle(bundle, why)
    for point in sorted(output.glob(f"point-*/{MANIFEST}")):
        refuse(point, overwrite or resume)
        if not resume:
            point.unlink()
    output.mkdir(parents=True, exist_ok=True)
    before, points = str(bundle), []
    for number, pressure in enumerate(sorted(pressures)):
        folder = output / f"point-{number:02d}"
        what = f"{' '.join(overrides)}: point {number}"
        command, old = (
            f"gnnreco deploy search {bundle} {what}",
            f"gnnreco deploy {bundle} --search {what}",  # as it was called before
        )
        if (folder / MANIFEST).exists():
            said = load_bundle(folder).manifest["training"]["command"]
            if said not in (without_places(command), without_places(old)):
                raise BadInput(folder, "", f"is a point of another search; {REPLACE}")
        else:
            settings = compose(
                "trigger", [*overrides, f"train.start='{before}'", f"task.resource={pressure}"]
            )
            run_training(settings, folder, command=command, progress=progress, overwrite=True)
        points.append(measure(folder, pressure))
        before = str(folder)
        write_file(output / FRONT, json.dumps([asdict(p) for p in points], indent=1) + "\n")
        if progress:
            progress("points", number + 1, len(pressures))
    draw([points], ["gnnreco"], output / "front.png")
    return points


def measure(folder: Path, pressure: float) -> Point:
    """What one model reaches, and what it would cost."""
    task = load_task(load_bundle(folder), None)
    assert isinstance(task, TriggerTask)
    assert task.examples is not None
    answers, label = task.answers(task.examples), task.examples.label
    known = label >= 0
    chosen = answers[..., 0] > 0 if answers.shape[-1] == 1 else answers.argmax(axis=-1)
    luts, delay = estimate(lower(task.network))
    right = float((chosen[known] == label[known]).mean())
    return Point(folder.name, pressure, right, luts, delay, *alive(task.network))


def draw(fronts: Sequence[Sequence[Any]], names: Sequence[str], file: Path) -> None:
    """Draw fronts of accuracy against LUTs as a picture; `fronts` hold anything with ``luts`` and ``accuracy``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    for points, name in zip(fronts, names, strict=True):
        luts, accuracy = (np.array([getattr(p, what) for p in points]) for what in ("luts", "accuracy"))
        order = np.argsort(luts)
        axes.plot(luts[order], 100 * accuracy[order], "o-", label=name)
    axes.set(xscale="log", xlabel="LUTs (alkaid's estimate)", ylabel="right answers, %")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=110, metadata={"Software": ""})
    pyplot.close(figure)
