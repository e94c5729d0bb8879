"""How numbers are written in a table."""

from __future__ import annotations

from gnnreco.files.json_types import JsonMapping


def percent(row: JsonMapping, rate: str, width: int, interval: bool = True) -> str:
    """A rate, in per cent, and its 68 % interval."""
    if row[rate] is None:
        return "-".rjust(width)
    low, high = (100 * bound for bound in row[f"{rate}_interval"])
    value = 100 * row[rate]
    spread = f" +{high - value:.2f} -{value - low:.2f}" if interval else ""
    return f"{value:.2f} %{spread}".rjust(width)


def number(value: float | None, spec: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, spec)


def with_error(row: JsonMapping, name: str, spec: str = ".4f") -> str:
    """A number and half of its 68 % interval."""
    low, high = row.get(f"{name}_interval") or (None, None)
    spread = "" if low is None else f" +- {format((high - low) / 2, spec)}"
    return number(row.get(name), spec) + spread
