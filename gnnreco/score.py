"""The verb `evaluate` as a function: scores of an output, or of generated showers beside those of a full simulation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import EventSource, open_events
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector, load_detector
from gnnreco.progress import Progress

Inputs = str | Path | Sequence[str | Path]


def evaluate(
    folder: str | Path | EventSource,
    truth: EventSource | Inputs | None = None,
    detector: Detector | str | Path | None = None,
    *,
    anomalous: str | Sequence[str] = (),
    min_pt: float | None = None,
    max_eta: float | None = None,
    min_hits: int | None = None,
    min_energy: float | None = None,
    jets: str = "antikt",
    threshold: float | None = None,
    trainings: int | None = None,
    bundle: str | Path | None = None,
    any_detector: bool = False,
    weights: str | Path | None = None,
    reweight: str | Path | None = None,
    progress: Callable[[Iterator[Any]], Iterator[Any]] = iter,
    trained: Progress | None = None,
) -> JsonDict:
    """Score what `gnnreco.reconstruct` wrote against the truth, or generated showers against those of a full simulation.

    Parameters
    ----------
    folder : path or EventSource
        The output; or generated events, whose showers are compared with those of `truth`.
    truth : path, glob, several, or EventSource
        The same events with truth; for generated ones others, with particles of the same kind and energies. Not needed for
        the scores of an anomaly bundle.
    detector : Detector, name or path, optional
        By default that of the output; of generated events it must be told.
    anomalous : str or several
        Of the output of an anomaly bundle: globs on its sources (files, or folders above them) whose events are anomalous;
        all others are normal. Without any, only the p-values are judged.
    min_pt, max_eta, min_hits
        Target particles of tracks: GeV (default 1; none where the tracker lies across the beam), pseudorapidity
        (3; none there) and hits (9, or all layers but one where fewer). The latter two count for showers
        too (hits: 3, or the layers of the calorimeter where fewer), `max_eta` for particle flow.
    min_energy : float, optional
        Target particles of showers and of particle flow, GeV (default 1).
    jets : {"antikt", "durham", "genkt"}
        Whose figures stand at the top of the scores of particle flow.
    threshold : float, optional
        Of generated showers: cells in which less is left do not count, in units of what a minimum-ionising particle leaves
        (default 0.5).
    trainings : int, optional
        Of each classifier that tells generated showers from true ones (default 5).
    bundle : str or path, optional
        Finds showers in generated and true events alike; the differences of what it finds stand under ``reconstruction``.
    any_detector : bool
        Allow a `bundle` that was trained on another detector.
    weights : path, optional
        Weights of generated showers, which `reweight` wrote: taken into histograms, separation, response and profiles.
    reweight : path, optional
        Learn such weights from half of the truth, write them there, and take them.
    progress : callable
        Wraps the iterator over events, for a progress bar.
    trained : callable, optional
        ``trained(what, done, total)``: how many of the classifiers are trained that tell generated showers from true ones.

    Returns
    -------
    dict
        See `gnnreco.evaluate.evaluate`, and `gnnreco.evaluate.fastsim.compare` for generated events.

    Raises
    ------
    BadInput
        No output, no truth, or not the same events.
    BadConfig
        Generated events without their detector; a bundle for what was reconstructed already; no truth where it is needed.
    BadBundle
        One that finds no showers, or for another detector.

    Examples
    --------
    >>> import gnnreco
    >>> scores = gnnreco.evaluate("found", truth="events")
    >>> scores["task"], scores["events"]
    ('tracking', 4)
    """
    from gnnreco.evaluate import ParticleTarget, holds_events, shower_target_of, target_of
    from gnnreco.evaluate import evaluate as score
    from gnnreco.pipeline import Reconstructor

    patterns = [anomalous] if isinstance(anomalous, str) else list(anomalous)
    asked = given(min_energy=min_energy, max_eta=max_eta, min_hits=min_hits)
    if isinstance(folder, EventSource) or holds_events(folder):
        if detector is None:
            raise BadConfig(f"{folder}: holds events; name their detector with detector=")
        if patterns:
            raise BadConfig(f"{folder}: holds events; anomalous= goes with output of an anomaly bundle")
        if truth is None:
            raise BadConfig(f"{folder}: holds events; name those of a full simulation with truth=")
        described = loaded(detector)
        reconstruct = None if bundle is None else Reconstructor(described, bundle, any_detector=any_detector)
        return _evaluate_generated(
            folder,
            truth,
            described,
            threshold,
            trainings,
            progress,
            reconstruct=reconstruct,
            target=replace(shower_target_of(described), **asked),
            weights=weights,
            reweight=reweight,
            trained=trained,
        )
    if bundle is not None:
        raise BadConfig(f"{folder}: was reconstructed already; bundle= goes with generated events")
    if weights is not None or reweight is not None:
        raise BadConfig(
            "weights= and reweight= are for generated showers, and what is named is output of reconstruct"
        )
    if truth is None:
        return score(folder, None, progress=progress, anomalous=patterns)
    detector = loaded(detector_of(folder) if detector is None else detector)
    target = replace(target_of(detector), **given(min_pt=min_pt, max_eta=max_eta, min_hits=min_hits))
    particles = ParticleTarget(**given(min_energy=min_energy, max_eta=max_eta))
    source = truth if isinstance(truth, EventSource) else open_events(truth, detector, deposits=False)
    return score(
        folder,
        source,
        detector,
        target,
        progress=progress,
        showers=replace(shower_target_of(detector), **asked),
        particles=particles,
        jets=jets,
        anomalous=patterns,
    )


def detector_of(folder: str | Path) -> str:
    """The detector of an output: where the user said it is, or its name if that is not to be found from here."""
    detector = manifest_of(Path(folder)).get("detector", {})
    there = Path(detector.get("path") or detector.get("name", ""))
    return str(there if there.exists() else detector.get("name", ""))


def _evaluate_generated(
    generated: str | Path | EventSource,
    truth: EventSource | Inputs,
    detector: Detector,
    threshold: float | None,
    trainings: int | None,
    progress: Callable[[Iterator[Any]], Iterator[Any]],
    **what: Any,
) -> JsonDict:
    """Scores of generated showers."""
    from gnnreco.evaluate.fastsim import Comparison, Training, evaluate_showers, open_generated

    settings = Comparison(**given(threshold=threshold), training=Training(**given(trainings=trainings)))
    opened = generated if isinstance(generated, EventSource) else open_generated(generated, detector)
    source = truth if isinstance(truth, EventSource) else open_events(truth, detector, deposits=False)
    return evaluate_showers(opened, source, detector, settings, progress, **what)


def manifest_of(folder: Path) -> JsonDict:
    """What `reconstruct` wrote of an output folder."""
    from gnnreco.events.output_file.folder import NOT_ENDED, begun

    try:
        return dict(json.loads((folder / "manifest.json").read_text()))
    except FileNotFoundError:
        if begun(folder):
            raise BadInput(folder, "manifest.json", NOT_ENDED) from None
        why = "has no manifest.json" if folder.is_dir() else "is no folder"
        raise BadInput(folder, "", f"{why}; give what `gnnreco reconstruct -o` named") from None
    except (OSError, ValueError) as error:
        raise BadInput(
            folder, "manifest.json", f"cannot be read ({error}); name what `reconstruct` wrote"
        ) from error


def loaded(detector: Detector | str | Path) -> Detector:
    """A detector as it is, or by its name or path."""
    return detector if isinstance(detector, Detector) else load_detector(detector)


def given(**values: Any) -> JsonDict:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
