"""What passes the threshold of a trigger for anomalies: the rate of normal buffers, the efficiency of each strange class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnnreco.bundle import Bundle
from gnnreco.columns import Floats
from gnnreco.deploy.export import buffers_of, open_trigger
from gnnreco.errors import BadBundle
from gnnreco.evaluate.fastsim.classifier import auc_of
from gnnreco.events import open_jets
from gnnreco.files.json_types import JsonDict
from gnnreco.progress import Progress
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.trigger.task import TriggerTask

UNKNOWN = "unlabelled"


def measure(
    bundle: Bundle, normal: Sequence[str], strange: Sequence[str] = (), progress: Progress | None = None
) -> list[JsonDict]:
    """Rate and efficiencies of the exact answers of a bundle, which are those of its firmware.

    Parameters
    ----------
    bundle : Bundle
        Of a model with a score.
    normal, strange : sequence of str
        Files, folders or globs. Labels name the rows of the result; no label is needed.
    progress : callable, optional

    Returns
    -------
    list of dict
        ``what`` (``normal``, or a class), ``events``, ``passed``, ``fraction`` with its 68 % interval ``low, high``
        (Clopper-Pearson), and of the strange ones ``auc``: the probability that one of them scores above a normal one.

    Raises
    ------
    BadBundle
        The model has no score.
    BadInput
        A file that holds nothing, or a number that is not finite.
    """
    task = open_trigger(bundle)
    if task.config.network.score == "none":
        raise BadBundle(bundle.folder, "has no score: train one with `gnnreco train trigger model=anomaly`")
    answers, _ = _answers(task, normal, progress)
    usual = answers[:, 0]
    rows = [_row("normal", answers)]
    if strange:
        answers, names = _answers(task, strange, progress)
        for name in dict.fromkeys(names):
            chosen = answers[names == name]
            label = np.repeat([0, 1], [len(usual), len(chosen)])
            area = auc_of(label, np.concatenate([usual, chosen[:, 0]]))
            rows.append(_row(name, chosen) | {"auc": round(area, 4)})
    return rows


def _answers(task: TriggerTask, files: Sequence[str], progress: Progress | None) -> tuple[Floats, np.ndarray]:
    """Scores and flags, float64 (n, 2), and the name of the class of each."""
    b = buffers_of(task, files, progress)
    classes: tuple[str, ...] = ()
    if task.reads_jets:
        classes = tuple(open_jets(list(files))[0].jets.classes)
    names = np.array([*(classes or map(str, range(int(b.label.max(initial=0)) + 1))), UNKNOWN])
    return task.answers(b), names[b.label]


def _row(what: str, answers: Floats) -> JsonDict:
    passed = int(answers[:, 1].sum())
    low, high = clopper_pearson(passed, len(answers))
    return {
        "what": what,
        "events": len(answers),
        "passed": passed,
        "fraction": passed / len(answers),
        "low": float(low),
        "high": float(high),
    }
