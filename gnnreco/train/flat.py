"""Samples as named tensors, as files hold them, and back: fields of nested dataclasses are called ``part.field``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar, get_type_hints

import numpy as np
import torch
from torch import Tensor

Sample = TypeVar("Sample")


def flatten(sample: Any) -> dict[str, Tensor]:
    """The tensors of a sample by name, arrays as tensors.

    Parameters
    ----------
    sample : dataclass
        Of tensors, of arrays of numbers, and of such dataclasses; see `Learner.sample_kind`.

    Raises
    ------
    TypeError
        A field is none of these.
    """
    return dict(_leaves(sample, ""))


def unflatten(kind: type[Sample], tensors: Mapping[str, Tensor]) -> Sample:
    """The sample of a kind from what `flatten` gave; raises `ValueError` if the names are not those of the kind."""
    wanted = names_of(kind)
    if sorted(tensors) != wanted:
        raise ValueError(f"a {kind.__name__} holds {', '.join(wanted)}, not {', '.join(sorted(tensors))}")
    return _build(kind, tensors, "")


def names_of(kind: type[Any]) -> list[str]:
    """Names of the tensors of a kind of sample, sorted."""
    return sorted(_names(kind, ""))


def to_device(sample: Sample, device: str) -> Sample:
    """The sample with its tensors on a device; arrays stay where they are."""
    moved: dict[str, Any] = {}
    for name, value in _fields(sample):
        if isinstance(value, Tensor):
            moved[name] = value.to(device)
        elif is_dataclass(value):
            moved[name] = to_device(value, device)
    return replace(sample, **moved)  # type: ignore[type-var]


def _fields(sample: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(sample):
        yield field.name, getattr(sample, field.name)


def _leaves(sample: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in _fields(sample):
        if is_dataclass(value):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor | np.ndarray):
            yield f"{prefix}{name}", torch.as_tensor(value)
        else:
            raise TypeError(
                f"{prefix}{name} of a {type(sample).__name__} is neither a tensor, nor an array, nor a dataclass of them"
            )


def _names(kind: type[Any], prefix: str) -> Iterator[str]:
    for name, hint in _hints(kind).items():  # type: ignore[arg-type]  # a class can be hashed
        if _is_part(hint):
            yield from _names(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _build(kind: type[Sample], tensors: Mapping[str, Tensor], prefix: str) -> Sample:
    values: dict[str, Any] = {}
    for name, hint in _hints(kind).items():  # type: ignore[arg-type]  # a class can be hashed
        if _is_part(hint):
            values[name] = _build(hint, tensors, f"{prefix}{name}.")
        else:
            tensor = tensors[f"{prefix}{name}"]
            values[name] = tensor if hint is Tensor else tensor.numpy()
    return kind(**values)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    """The types of the fields of a dataclass."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}  # type: ignore[arg-type]


def _is_part(hint: object) -> bool:
    """Whether a field holds a dataclass of further tensors."""
    return isinstance(hint, type) and is_dataclass(hint)
