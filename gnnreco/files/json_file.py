"""JSON that somebody else wrote: read strictly, or refused in one line that names the file and the place."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from gnnreco.errors import BadInput

from .limits import TEXT_BYTES


def read_json(path: str | Path, most: int = TEXT_BYTES) -> Any:
    """Plain values of a file of JSON.

    Parameters
    ----------
    path : path
    most : int
        Bytes that it may have.

    Raises
    ------
    BadInput
        If it cannot be opened, is larger, or is no JSON: see `parse_json`.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BadInput(path, "", f"cannot be read: {error.strerror or error}") from error
    if len(data) > most:
        raise BadInput(path, "", f"has more than {most:,} bytes; is it the right file?")
    return parse_json(data, path)


def parse_json(data: bytes | str, file: str | Path, where: str = "", finite: bool = True) -> Any:
    """Plain values of text in JSON; `file` and `where` name it in messages.

    A byte-order mark is allowed, since Windows writes one. A key that an object holds twice, a number that is not finite
    and nesting beyond what Python reads are refused: each would be read by others as something else. Event displays write
    NaN for what was not measured: with ``finite=False`` such numbers are read.

    Raises
    ------
    BadInput
        For what is not JSON (RFC 8259) in UTF-8, or any of these.
    """
    place = f"{where}, " if where else ""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
        strict: dict[str, Any] = {"parse_constant": _not_finite, "parse_float": _finite} if finite else {}
        return json.loads(text, object_pairs_hook=_object, **strict)
    except UnicodeDecodeError as error:
        raise BadInput(file, f"{place}byte {error.start}", "is not UTF-8; save it as UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadInput(file, f"{place}line {error.lineno}", f"is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise BadInput(file, where, "is nested too deep to be read") from error
    except ValueError as error:  # of the hooks below, or an integer of more digits than Python takes
        raise BadInput(file, where, f"is not JSON that can be trusted: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key '{twice}' is there twice in one object; remove one")
    return found


def _not_finite(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}, which JSON has not; write a number or null")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:40]} is larger than a computer's")
    return number
