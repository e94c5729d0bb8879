"""What every verb prints: rows as an aligned table on stdout, and as JSON where a file is named."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gnnreco.files.atomic import write_file

from .flags import as_flags

Row = Mapping[str, object]
#: Names that `say_left_aside` prints; reports and manifests have all.
MOST_ASIDE = 12


def show(rows: Sequence[Row], file: Path | None = None, content: object = None, empty: str = "none") -> None:
    """Print `rows` and write `content` (by default the rows themselves) to `file` as JSON."""
    print(table(rows) if rows else empty)
    write_json(file, rows if content is None else content)


def write_json(file: Path | None, content: object) -> None:
    """Write `content` as JSON; a NaN in it is an error, since JSON has none."""
    if file is not None:
        write_file(file, json.dumps(content, indent=2, allow_nan=False) + "\n")


def one_line(text: str) -> str:
    """A message as one line of printable characters: what a damaged file put into it must not steer the terminal.

    What it advises in Python becomes the flags of the command line.
    """
    line = " ".join(as_flags(text).split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def say_left_aside(counts: Mapping[str, int]) -> None:
    """Say on stderr what the readers of a file do not know, the most frequent first: once, in one line."""
    if counts:
        ranked = sorted(counts.items(), key=lambda item: -item[1])
        most = ", ".join(f"{name} ({count:,})" for name, count in ranked[:MOST_ASIDE])
        more = f" and {len(ranked) - MOST_ASIDE} more" if len(ranked) > MOST_ASIDE else ""
        print("gnnreco:", one_line(f"left aside: {most}{more}"), file=sys.stderr)


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


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
