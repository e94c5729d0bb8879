"""Checkpoints: one safetensors file that holds weights, optimizer and, in its header, where the training stands."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gnnreco.errors import BadConfig, BadInput
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.schema import plain
from gnnreco.tasks.contract import AnyLearner

from .config import TrainConfig

#: Settings that may change between a training and its resumption: they leave each step as it was.
FREE = {"epochs", "patience", "checkpoint_every", "threads", "cache", "tensorboard", "device"}


@dataclass
class Position:
    """Where a training stands.

    Attributes
    ----------
    epoch, step : int
        Epochs finished, and steps done in the one that is not.
    sums : dict of float
        Running sums of the unfinished epoch.
    history : list of dict of float
        A row for each finished epoch: those of ``metrics.csv``.
    best, best_epoch : float, int
        Lowest validation loss and when it was.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best: float = math.inf
    best_epoch: int = 0


def identity(task: AnyLearner, config: TrainConfig, events: int, processes: int) -> JsonDict:
    """What must be the same when a training goes on."""
    kept = {f"train.{name}": value for name, value in plain(config).items() if name not in FREE}
    return {
        "task": task.name,
        "detector": task.detector.hash if task.detector else "",
        "training events": events,
        "processes": processes,
        **kept,
        **{f"task.{name}": value for name, value in plain(task.config).items()},
    }


def save_checkpoint(
    path: Path,
    task: AnyLearner,
    optimizer: torch.optim.Optimizer,
    position: Position,
    same: JsonMapping,
) -> None:
    """Write everything that `load_checkpoint` needs to go on to the same bits."""
    tensors = {f"task.{name}": np.ascontiguousarray(array) for name, array in task.state().items()}
    for name, parameter in task.network.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{key}"] = value.detach().cpu().numpy()
    header = {"position": json.dumps(asdict(position)), "same": json.dumps(dict(same), sort_keys=True)}
    write_file(path, save(tensors, header))


def load_checkpoint(
    path: Path,
    task: AnyLearner,
    optimizer: torch.optim.Optimizer,
    same: JsonMapping,
    device: str,
) -> Position:
    """Put `task` and `optimizer` back to where the checkpoint was saved.

    Raises
    ------
    BadInput
        If the file is absent or damaged.
    BadConfig
        If the training was another: names the setting.
    """
    if not path.exists():
        raise BadInput(path, "", "no checkpoint to go on from; train without resume=True")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        position, before = Position(**json.loads(header["position"])), json.loads(header["same"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(path, "", f"damaged checkpoint ({error}); train without resume=True") from error
    now = json.loads(json.dumps(dict(same)))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            raise BadConfig(
                f"resume: {key} was {before.get(key)!r} and is {now.get(key)!r}; keep it, or train without resume=True"
            )
    task.load_state(
        {name.removeprefix("task."): a for name, a in tensors.items() if name.startswith("task.")}
    )
    task.network.to(device)
    _load_optimizer(task, optimizer, tensors, device)
    return position


def _load_optimizer(
    task: AnyLearner,
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, NDArray[np.generic]],
    device: str,
) -> None:
    for name, parameter in task.network.named_parameters():
        prefix = f"optimizer.{name}."
        for key, array in tensors.items():
            # A name that starts another (`layer` and `layer.weight`) leaves a dot in the key.
            if key.startswith(prefix) and "." not in key.removeprefix(prefix):
                tensor = torch.from_numpy(array.copy())
                slot = key.removeprefix(prefix)
                optimizer.state[parameter][slot] = tensor if slot == "step" else tensor.to(device)
