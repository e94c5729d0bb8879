"""Numbers in words, of options, attributes and lines of text: read and held against their range in one place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnnreco.errors import BadInput
from gnnreco.files import limits


def number(file: Path, option: str, text: str, above: float | None = None) -> float:
    """The number in an option; `BadInput` names the option."""
    return numbers(file, option, text, 1, above)[0]


def numbers(file: Path, option: str, text: str, count: int, above: float | None = None) -> list[float]:
    """`count` numbers between commas in an option."""
    return parsed(file, f"option {option}", text, count, above)


def parsed(
    file: Path,
    where: str,
    text: str,
    count: int | None = None,
    above: float | None = None,
    sep: str | None = ",",
) -> list[float]:
    """Finite numbers of a text, `count` of them unless any number will do; `sep` None: between spaces."""
    try:
        result = [_float(word) for word in text.split(sep)]
    except ValueError:
        result = []
    sound = all(np.isfinite(x) and abs(x) <= limits.NUMBER and (above is None or x > above) for x in result)
    if len(result) != (count or max(len(result), 1)) or not sound:
        more = f" above {above:g}" if above is not None else ""
        between = "commas" if sep else "spaces"
        wanted = (
            f"{count or 'any count of'} numbers{more} between {between}" if count != 1 else f"a number{more}"
        )
        raise BadInput(file, where, f"expected {wanted}, found {_short(text)}")
    return result


def integer(file: Path, where: str, text: str, low: int, high: int) -> int:
    """A whole number between two."""
    try:
        value = int(text) if len(text) <= limits.DIGITS and "_" not in text else None
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise BadInput(file, where, f"expected a whole number from {low:,} to {high:,}, found {_short(text)}")
    return value


def _float(word: str) -> float:
    if "_" in word:
        raise ValueError
    return float(word)


def _short(text: str) -> str:
    return repr(text if len(text) <= limits.DIGITS else f"{text[: limits.DIGITS]}...")
