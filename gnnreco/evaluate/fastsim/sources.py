"""Fast simulation is scored from files of events on both sides; nothing was reconstructed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import EventSource, open_events
from gnnreco.events.output_file.folder import MANIFEST, begun
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.pipeline import Reconstructor
from gnnreco.progress import Progress

from ..clustering import ShowerTarget
from .comparison import Comparison, compare, learned_half
from .reconstruction import DEFINITIONS, Reconstructed, compare_reconstruction, unlike, unreconstructed
from .showers import ShowerSample, shower_sample
from .weights import learn_weights, read_weights, write_weights


def holds_events(path: str | Path) -> bool:
    """Whether a path or glob names events rather than what `reconstruct` wrote."""
    path = Path(path)
    if path.is_dir():
        return not begun(path)
    return path.exists() or any(path.parent.glob(path.name))


def open_generated(path: str | Path, detector: Detector) -> EventSource:
    """Generated events.

    Raises
    ------
    BadInput
        There are none; without a manifest the path is no output of `reconstruct` either.
    """
    try:
        return open_events(str(path), detector, deposits=False)
    except BadInput as error:
        why = f"{error.why} (nor is it what `gnnreco reconstruct` wrote: {MANIFEST} is missing)"
        raise BadInput(error.file, error.where, why) from error


def evaluate_showers(
    generated: EventSource,
    truth: EventSource,
    detector: Detector,
    settings: Comparison | None = None,
    progress: Callable[[Iterator[Any]], Iterator[Any]] = iter,
    reconstruct: Reconstructor | None = None,
    target: ShowerTarget | None = None,
    weights: str | Path | None = None,
    reweight: str | Path | None = None,
    trained: Progress | None = None,
) -> JsonDict:
    """Compare the showers of generated events with those of a full simulation.

    Parameters
    ----------
    generated, truth : EventSource
        With truth that says how much energy each particle left in each hit. The events need not be the same, nor have as
        many particles, but their particles should be of the same kind, energies and directions.
    detector : Detector
        Of both.
    settings : Comparison, optional
    progress : callable
        Wraps the iterator over the events of both, for a progress bar.
    reconstruct : Reconstructor, optional
        Finds showers in the events of both; what it makes of them is compared too.
    target : ShowerTarget, optional
        Particles that it should find.
    weights : path, optional
        Weights of the generated showers, which `reweight` wrote.
    reweight : path, optional
        Learn weights that move the generated showers toward half of the true ones, write them there as Parquet, and take
        them. The other half is what generated showers are compared with.
    trained : callable, optional
        ``trained(what, done, total)``: how many of the classifiers are trained.

    Returns
    -------
    dict
        See `gnnreco.evaluate.fastsim.compare`; with `reconstruct` also ``reconstruction``, see
        `gnnreco.evaluate.fastsim.compare_reconstruction`.

    Raises
    ------
    BadConfig
        Weights are both to be read and to be written.
    BadInput
        Events without truth or without energies in it, or without any shower; weights of other showers, or too few showers
        to learn weights from.
    BadBundle
        `reconstruct` finds no showers.
    """
    if weights is not None and reweight is not None:
        raise BadConfig("weights= reads weights and reweight= writes new ones: name one of them")
    settings = settings or Comparison()
    events = progress(chain(iter(generated), iter(truth)))
    parts: list[Iterator[Any]] = [islice(events, len(generated)), events]
    looks: list[Reconstructed] = []
    if reconstruct is not None:
        looks = [Reconstructed(reconstruct, target or ShowerTarget()) for _ in parts]
        parts = [look.watched(part) for look, part in zip(looks, parts, strict=True)]
    one, other = (shower_sample(part, detector, settings.threshold) for part in parts)
    for sample, source in ((one, generated), (other, truth)):
        _needed(sample, source, settings.threshold)
    if reweight is not None:
        some = other[learned_half(len(one), len(other), settings.seed)]
        learned = learn_weights(one, some, settings.seed)
        write_weights(reweight, one, learned)
        one = replace(one, weight=learned)
    elif weights is not None:
        one = replace(one, weight=read_weights(weights, one))
    result: JsonDict = {"events": len(generated)} | compare(one, other, settings, trained)
    if looks:
        result["reconstruction"] = compare_reconstruction(*looks)
        result["definitions"] |= DEFINITIONS
        result["warnings"] += unreconstructed(*looks) + unlike(result["reconstruction"])
    return result


def _needed(sample: ShowerSample, source: EventSource, threshold: float) -> None:
    """Refuse a sample without a cell."""
    if len(sample.place) == 0:
        why = (
            f"no particle left a shower in a calorimeter of this detector (cells over {threshold:g} of what a "
            "minimum-ionising particle leaves): check that the events were made for it, and that their particles reach one"
        )
        raise BadInput(source.files[0] if source.files else "no events", "", why)
