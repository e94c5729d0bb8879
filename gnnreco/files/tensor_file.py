"""Tensors that somebody else wrote (safetensors): what the header declares is checked before memory goes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from gnnreco.errors import BadInput

from .json_file import parse_json
from .limits import DIMENSIONS, MANIFEST_BYTES, TENSOR_BYTES, TENSORS

#: Bytes of a number of each kind that numpy holds.
KINDS = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "I64": 8,
    "U64": 8,
    "I32": 4,
    "U32": 4,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


def parse_tensors(data: bytes, file: str | Path, where: str = "") -> dict[str, NDArray[Any]]:
    """Arrays by name of the content of a safetensors file; `file` and `where` name it in messages.

    Raises
    ------
    BadInput
        If the header is none, names a tensor twice, or declares other bytes than there are; if a number is of a kind that
        numpy has not; for more than `gnnreco.files.limits` allows.
    """
    if len(data) > TENSOR_BYTES:
        raise BadInput(file, where, f"has {len(data):,} bytes; at most {TENSOR_BYTES:,} are read")
    size = int.from_bytes(data[:8], "little") if len(data) >= 8 else -1
    if not 0 < size <= min(len(data) - 8, MANIFEST_BYTES):
        raise BadInput(file, where, "is no safetensors file: its header does not fit into it; copy it again")
    header = parse_json(data[8 : 8 + size], file, f"{where}, header" if where else "header")
    if not isinstance(header, dict) or len(header) > TENSORS:
        raise BadInput(
            file, where, f"must have a header of at most {TENSORS:,} tensors by name; copy it again"
        )
    end = 0
    spans = sorted(_span(file, name, said) for name, said in header.items() if name != "__metadata__")
    for start, stop, name in spans:
        if start != end:
            raise BadInput(
                file, f"tensor '{name}'", f"begins at byte {start}, where {end} is due; copy it again"
            )
        end = stop
    if end != len(data) - 8 - size:
        raise BadInput(file, where, f"declares {end:,} bytes of tensors, and holds {len(data) - 8 - size:,}")
    try:
        return load(data)
    except (SafetensorError, ValueError, OverflowError) as error:
        raise BadInput(file, where, f"is no safetensors file: {error}") from error


def _span(file: str | Path, name: str, said: Any) -> tuple[int, int, str]:
    """First byte, the byte behind the last, and the name of a tensor as its header declares it."""
    place = f"tensor '{name}'"
    if not isinstance(said, Mapping) or set(said) != {"dtype", "shape", "data_offsets"}:
        raise BadInput(file, place, "must be declared by dtype, shape and data_offsets; copy the file again")
    if not isinstance(said["dtype"], str) or said["dtype"] not in KINDS:
        raise BadInput(
            file, place, f"has numbers of kind {json.dumps(said['dtype'])[:20]}; known: {', '.join(KINDS)}"
        )
    shape, span = said["shape"], said["data_offsets"]
    if not (_counts(shape) and _counts(span) and len(span) == 2 and len(shape) <= DIMENSIONS):
        raise BadInput(
            file, place, "has a shape or a place that is no list of a few whole numbers; copy the file again"
        )
    # The numbers with zeros left out: an empty tensor must not declare lengths that no array can have.
    if math.prod(n for n in shape if n) > TENSOR_BYTES:
        raise BadInput(file, place, f"has the shape {shape}, too large to be held")
    needs = math.prod(shape) * KINDS[said["dtype"]]
    if span[1] - span[0] != needs:
        raise BadInput(file, place, f"has {span[1] - span[0]:,} bytes, its shape {shape} needs {needs:,}")
    return span[0], span[1], name


def _counts(values: object) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**62 for n in values)


def all_finite(array: NDArray[np.generic]) -> bool:
    """Whether an array of any kind holds finite numbers only."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
