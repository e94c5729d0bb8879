"""What every verb prints: rows as an aligned table on stdout, and as JSON where a file is named."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING

from gnnreco.files.atomic import write_file

from .flags import as_flags

if TYPE_CHECKING:
    from gnnreco.geometry import Detector

Row = Mapping[str, object]
#: Names that `say_left_aside` prints; reports and manifests have all.
MOST_ASIDE = 12


class CsvFile(PosixPath):
    """Where a table goes as CSV, in place of JSON."""


def show(rows: Sequence[Row], file: Path | None = None, content: object = None, empty: str = "none") -> None:
    """Print `rows` and write `content` (by default the rows themselves) to `file` as JSON."""
    print(table(rows, terminal_width()) if rows else empty)
    write_json(file, rows if content is None or isinstance(file, CsvFile) else content)


def write_json(file: Path | None, content: object) -> None:
    """Write `content` as JSON, or as CSV where that is asked for; a NaN in JSON is an error, since it has none."""
    if isinstance(file, CsvFile):
        write_file(file, csv_text(content))
    elif file is not None:
        write_file(file, json.dumps(content, indent=2, allow_nan=False) + "\n")


def one_line(text: str) -> str:
    """A message as one line of printable characters: what a damaged file put into it must not steer the terminal.

    What it advises in Python becomes the flags of the command line.
    """
    line = " ".join(as_flags(text).split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def say_left_aside(counts: Mapping[str, int], files: Sequence[Path] = ()) -> None:
    """Say on stderr what the readers of a file do not know, the most frequent first: once, in one line.

    So of `files`, which hold no events.
    """
    if files:
        from gnnreco.events.source import no_events

        print("gnnreco:", one_line(no_events(files)), file=sys.stderr)
    if counts:
        ranked = sorted(counts.items(), key=lambda item: -item[1])
        most = ", ".join(f"{name} ({count:,})" for name, count in ranked[:MOST_ASIDE])
        more = f" and {len(ranked) - MOST_ASIDE} more" if len(ranked) > MOST_ASIDE else ""
        print("gnnreco:", one_line(f"left aside: {most}{more}"), file=sys.stderr)


def say_field(detector: Detector) -> None:
    """Say on stderr where a map of the field does not reach: tracks that are simulated or learned there are straight."""
    from gnnreco.geometry import field_findings

    for finding in field_findings(detector):
        if finding.severity != "note":
            print("gnnreco:", one_line(f"{detector.name}: {finding.message}"), file=sys.stderr)


def silent_if_logged(log_json: str | None) -> contextlib.AbstractContextManager[object]:
    """Keeps what is printed in a ``with`` block off standard output where that is for the log alone (``--log-json -``)."""
    return contextlib.redirect_stdout(io.StringIO()) if log_json == "-" else contextlib.nullcontext()


def show_page(page: Path, file: Path | None) -> int:
    """Print where a page was written; returns the exit status."""
    show([{"page": str(page), "megabytes": page.stat().st_size / 1e6}], file)
    return 0


def terminal_width() -> int | None:
    """Characters of a line of the terminal, or of COLUMNS; None where stdout goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None


def table(rows: Sequence[Row], width: int | None = None) -> str:
    """Align `rows`, whose first one names the columns; numbers to the right, text to the left.

    Where that is wider than `width` characters, texts are broken; a table stands on its side where numbers, or the names in
    the first column, have no room.
    """
    columns = list(rows[0])
    lines = [[c.replace("_", " ") for c in columns], *([_text(row.get(c)) for c in columns] for row in rows)]
    right = [all(_is_number(row.get(column)) for row in rows) for column in columns]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        room = width - 2 * (len(widths) - 1) - sum(w for w, r in zip(widths, right, strict=True) if r)
        texts = [w for w, r in zip(widths, right, strict=True) if not r]
        if len(rows) == 1 or room < NARROWEST * len(texts):
            return _on_its_side(lines)
        widths = [w if r else min(w, _fair(texts, room)) for w, r in zip(widths, right, strict=True)]
        names = " ".join(line[0] for line in lines)
        if max(map(len, names.split())) > widths[0]:
            return _on_its_side(lines)
    return "\n".join(_line(cells, widths, right) for cells in lines)


#: Characters that a column of text has at least.
NARROWEST = 12


def _fair(widths: Sequence[int], room: int) -> int:
    """The width up to which columns may go, so that all have room: short ones leave theirs to the others."""
    left = sorted(widths)
    while len(left) > 1 and left[0] * len(left) < room:
        room -= left.pop(0)
    return max(room // max(len(left), 1), NARROWEST)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    """A line of a table, or several where texts are longer than their column."""
    parts = [_broken(cell, w) for cell, w in zip(cells, widths, strict=True)]
    height = max(map(len, parts))
    return "\n".join(
        "  ".join(
            c.rjust(w) if r else c.ljust(w)
            for c, w, r in zip((p[i] if i < len(p) else "" for p in parts), widths, right, strict=True)
        ).rstrip()
        for i in range(height)
    )


def _broken(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    from textwrap import wrap

    return wrap(text, width)


def _on_its_side(lines: Sequence[Sequence[str]]) -> str:
    """A line for each column; an empty one between rows."""
    head, *rows = lines
    wide = max(map(len, head))
    return "\n\n".join(
        "\n".join(f"{name:{wide}}  {cell}" for name, cell in zip(head, row, strict=True)) for row in rows
    )


def csv_text(content: object) -> str:
    """Rows as CSV, under the names of their columns; of anything else a name and a value in each line."""
    import csv
    import io

    text = io.StringIO()
    if isinstance(content, Sequence) and all(isinstance(row, Mapping) for row in content):
        columns = list(dict.fromkeys(name for row in content for name in row))
        table_writer = csv.DictWriter(text, columns, lineterminator="\n")
        table_writer.writeheader()
        table_writer.writerows(content)
    else:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", "value"])
        writer.writerows(_leaves("", content))
    return text.getvalue()


def _leaves(name: str, value: object) -> list[tuple[str, object]]:
    """Each number and text within, by its path, such as ``acts.efficiency``."""
    if isinstance(value, Mapping):
        within = value.items()
    elif isinstance(value, list | tuple):
        within = dict(enumerate(value)).items()
    else:
        return [(name, value)]
    return [leaf for key, part in within for leaf in _leaves(f"{name}.{key}" if name else str(key), part)]


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
