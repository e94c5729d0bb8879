"""What every verb prints: rows as an aligned table on stdout, and as JSON where a file is named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnreco.atomic import write_file

Row = Mapping[str, Any]


def show(rows: Sequence[Row], file: Path | None = None, content: Any = None, empty: str = "none") -> None:
    """Print `rows` and write `content` (by default the rows themselves) to `file` as JSON."""
    print(table(rows) if rows else empty)
    write_json(file, rows if content is None else content)


def write_json(file: Path | None, content: Any) -> None:
    """Write `content` as JSON; a NaN in it is an error, since JSON has none."""
    if file is not None:
        write_file(file, json.dumps(content, indent=2, allow_nan=False) + "\n")


def one_line(text: str) -> str:
    """A message as one line of printable characters: what a damaged file put into it must not steer the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def show_page(page: Path, file: Path | None) -> int:
    """Print where a page was written; returns the exit status."""
    show([{"page": str(page), "megabytes": page.stat().st_size / 1e6}], file)
    return 0


def table(rows: Sequence[Row]) -> str:
    """Align `rows`, whose first one names the columns; numbers to the right, text to the left."""
    columns = list(rows[0])
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    right = [all(_is_number(row.get(column)) for row in rows) for column in columns]
    lines = [[c.replace("_", " ") for c in columns], *cells]
    aligned = (
        "  ".join(
            c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )
    return "\n".join(aligned)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
