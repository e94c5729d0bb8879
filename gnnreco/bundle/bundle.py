"""A trained model as three files that cannot run code: manifest.json, config.yaml and weights.safetensors.

The manifest holds the sha256 sums of the other two and of itself, the task, the detector and its hash, how
the model was trained and what it measured. One that differs by one bit from what was written does not load.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from gnnreco import __version__
from gnnreco.columns.arrays import same
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.files.limits import MANIFEST_BYTES
from gnnreco.files.tensor_file import parse_tensors
from gnnreco.geometry import Detector
from gnnreco.models.state import checked
from gnnreco.schema import build, nearest
from gnnreco.summary import counted, facts_table, shortened
from gnnreco.tasks.contract import AnyTask
from gnnreco.tasks.registry import find_task, task_names

from .files import (
    CONFIG,
    FORMAT,
    MANIFEST,
    WEIGHTS,
    check_file,
    manifest_sum,
    read_file,
    read_manifest,
    read_settings,
    sha256,
    without_places,
    write_folder,
)
from .shipped import find_bundle

#: In place of a detector's hash: the model knows none, and serves all.
ANY_DETECTOR = {"name": "any", "hash": "any"}
#: Tasks whose bundles `gnnreco bundle adapt` takes to another detector.
ADAPTED = ("tracking", "drift")
#: Figures that a notebook shows of a bundle; its manifest has all.
MOST_FIGURES = 24


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bundle:
    """A model that was read and verified. Two are equal where all they hold is, wherever their folders are.

    Attributes
    ----------
    folder : Path
    manifest : dict
        ``format, task, gnnreco, detector, training, metrics, files, sha256``.
    config : dict
        The settings of the task, plain values.
    state : dict of arrays
        Everything that was learned, by name.

    Examples
    --------
    >>> import gnnreco
    >>> gnnreco.load_bundle("tracking-trackml")
    Bundle('tracking-trackml': tracking in trackml, 428,595 parameters)
    """

    folder: Path
    manifest: JsonDict
    config: JsonDict
    state: dict[str, NDArray]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bundle):
            return NotImplemented
        plain = (self.manifest, self.config, self.state.keys())
        return plain == (other.manifest, other.config, other.state.keys()) and all(
            same(array, other.state[name]) for name, array in self.state.items()
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def task(self) -> str:
        """Name of the task the model does."""
        return str(self.manifest["task"])

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(array.size for array in self.state.values())

    def __repr__(self) -> str:
        return (
            f"Bundle({shortened(self.name)!r}: {shortened(self.task)} in {shortened(self._detector)}, "
            f"{counted(self.parameters, 'parameter')})"
        )

    def _repr_html_(self) -> str:
        metrics = dict(self.manifest["metrics"])
        ordered = {"evaluation": metrics.pop("evaluation", {}), **metrics}
        figures = dict(list(_figures(ordered))[:MOST_FIGURES])
        facts = {"task": self.task, "detector": self._detector, "parameters": self.parameters}
        return facts_table(
            f"Bundle {self.name}", facts | {"made by": f"gnnreco {self.manifest['gnnreco']}"} | figures
        )

    @property
    def _detector(self) -> str:
        """The detector in words."""
        detector = self.manifest["detector"]
        return "any detector" if detector == ANY_DETECTOR else str(detector["name"])

    def check_detector(self, detector: Detector) -> None:
        """Raise `BadBundle` unless the model was trained on this detector, wherever it stands, or serves any."""
        trained, here = self.manifest["detector"], detector.at_source().hash
        if trained["hash"] not in (here, ANY_DETECTOR["hash"]):
            adapts = self.task in ADAPTED
            remedy = "make one for it with `gnnreco bundle adapt`" if adapts else "train a bundle of its own"
            raise BadBundle(
                self.folder,
                f"trained on detector '{trained['name']}' ({trained['hash'][:12]}), not on '{detector.name}' "
                f"({here[:12]}); allow it with any_detector=True, or {remedy}",
            )


def _figures(metrics: JsonMapping, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every number among the metrics and how it is called."""
    for key, value in metrics.items():
        name = f"{prefix} {key.replace('_', ' ')}".strip()
        if isinstance(value, Mapping):
            yield from _figures(value, name)
        elif isinstance(value, int | float):
            yield name, f"{value:.4g}"


def save_bundle(
    folder: str | Path,
    task: str,
    config: JsonMapping,
    state: Mapping[str, NDArray],
    detector: Detector | JsonMapping | None,
    training: JsonMapping,
    metrics: JsonMapping,
) -> None:
    """Write a bundle; the same content gives the same bytes.

    Parameters
    ----------
    folder : path
        A bundle that is there is replaced; other files in the folder stay.
    task : str
        Name of the task, such as ``tracking``.
    config : mapping
        Plain values: see `gnnreco.schema.plain`.
    state : mapping of arrays
        What was learned; a NaN in it is an error, an open limit (infinity) is not.
    detector : Detector or mapping, optional
        What it was trained on, or what another manifest says of that; None: nothing in it depends on a detector.
    training, metrics : mapping
        The command, seeds and data; what was measured. Plain values; paths in them become names.

    Raises
    ------
    BadBundle
        If an array holds a NaN.
    """
    folder = Path(folder)
    arrays = {name: np.ascontiguousarray(state[name]) for name in sorted(state)}
    _check_numbers(folder, arrays)
    content = {
        CONFIG: yaml.safe_dump(dict(config), sort_keys=True).encode(),
        WEIGHTS: save_tensors(arrays),
    }
    manifest = {
        "format": FORMAT,
        "task": task,
        "gnnreco": __version__,
        "detector": _trained_on(detector),
        "training": without_places(dict(training)),
        "metrics": without_places(dict(metrics)),
        "files": {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in content.items()},
    }
    manifest["sha256"] = manifest_sum(manifest)
    content[MANIFEST] = (json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
    write_folder(folder, content)


def _trained_on(detector: Detector | JsonMapping | None) -> JsonMapping:
    if detector is None:
        return ANY_DETECTOR
    if isinstance(detector, Mapping):
        return detector
    return {"name": detector.name, "hash": detector.at_source().hash}


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Read a bundle and verify every byte of it.

    Parameters
    ----------
    name_or_path : str or path
        A name of `list_bundles` or a folder.

    Returns
    -------
    Bundle
        What the model learned and how; `gnnreco.Reconstructor` runs it.

    Raises
    ------
    BadBundle
        If it does not exist, lacks a file, differs from its sums, or holds a NaN.

    Examples
    --------
    >>> import gnnreco
    >>> gnnreco.load_bundle("tracking-telescope")
    Bundle('tracking-telescope': tracking in telescope, 13,995 parameters)
    """
    folder = find_bundle(name_or_path)
    manifest = read_manifest(folder)
    content = {CONFIG: read_file(folder, CONFIG, MANIFEST_BYTES), WEIGHTS: read_file(folder, WEIGHTS)}
    for name, data in content.items():
        check_file(folder, name, data, manifest["files"][name])
    config = read_settings(folder, content[CONFIG])
    try:
        state = parse_tensors(content[WEIGHTS], WEIGHTS)
    except BadInput as error:
        raise BadBundle(folder, f"cannot be read: {error}") from error
    _check_numbers(folder, state)
    return Bundle(folder, manifest, config, state)


def load_task(
    bundle: Bundle, detector: Detector | None, any_detector: bool = False, to_adapt: bool = False
) -> AnyTask:
    """Build the task of a bundle for a detector (None: for one that needs none), ready to reconstruct.

    With `to_adapt` it is ready to be adapted: its graph builder may name layers that this detector does not have.

    Raises
    ------
    BadBundle
        If there is no such task, the bundle was trained on another detector (unless `any_detector`), or its
        settings or weights do not fit the task.
    """
    config, state = _fitting(bundle, None if to_adapt else detector, any_detector)
    with _fits(bundle):
        task = find_task(bundle.task).load()[0].from_config(config, detector)
        task.load_state(state)
    return task


def check_bundle(bundle: Bundle) -> None:
    """Raise `BadBundle` if the settings or the learned numbers do not fit the task, as far as no detector has a say."""
    _fitting(bundle, None)


def _fitting(
    bundle: Bundle, detector: Detector | None, any_detector: bool = False
) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Settings of the task of a bundle, and its learned numbers, every one of them looked at."""
    if bundle.task not in task_names():
        raise BadBundle(bundle.folder, f"is for the task '{bundle.task}'{nearest(bundle.task, task_names())}")
    if not any_detector and detector is not None:
        bundle.check_detector(detector)
    with _fits(bundle):
        kind, settings = find_task(bundle.task).load()
        config = build(settings, bundle.config)
        expected = kind.arrays(config, detector)
        return config, bundle.state if expected is None else checked(bundle.state, expected)


@contextlib.contextmanager
def _fits(bundle: Bundle) -> Iterator[None]:
    try:
        yield
    except (
        BadConfig,
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise BadBundle(
            bundle.folder,
            f"does not fit the task '{bundle.task}' of this version: {error}; copy the bundle again, or train it again",
        ) from error


def _check_numbers(folder: Path, state: Mapping[str, NDArray]) -> None:
    for name, array in state.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise BadBundle(folder, f"weight '{name}' holds a NaN; train it again")
