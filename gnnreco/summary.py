"""What an object says of itself in a terminal and in a notebook: one line, and a small table in HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

LONGEST = 60  # characters of a text in a line


def facts_table(title: str, facts: Mapping[str, object]) -> str:
    """A table in HTML of names and values; every text is escaped."""
    rows = ((name, value if isinstance(value, str) else f"{value:,}") for name, value in facts.items())
    body = "".join(f"<tr>{_cell('th', name)}{_cell('td', value)}</tr>" for name, value in rows)
    return f"<table>{_caption(title)}<tbody>{body}</tbody></table>"


def rows_table(title: str, columns: Mapping[str, Sequence[str]]) -> str:
    """A table in HTML of columns of text, all of one length; every text is escaped."""
    head = "".join(_cell("th", name) for name in columns)
    rows = zip(*columns.values(), strict=True)
    body = "".join(f"<tr>{''.join(_cell('td', text) for text in row)}</tr>" for row in rows)
    return f"<table>{_caption(title)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: ``1 track``, ``1,200 tracks``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text as one line of printable characters, its beginning left out where it is long: paths differ at their ends."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return line if len(line) <= longest else f"…{line[1 - longest :]}"


def listed(names: Iterable[object], most: int = 6) -> str:
    """The first names with commas between them, and how many more there are."""
    every = [str(name) for name in names]
    more = f", … ({len(every):,})" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def cell_text(value: object) -> str:
    """A value as a cell of a table in a page, as markup; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def _caption(title: str) -> str:
    return f'<caption style="text-align:left;font-weight:bold">{html.escape(title)}</caption>'


def _cell(tag: str, text: object) -> str:
    return f'<{tag} style="text-align:left">{html.escape(str(text))}</{tag}>'
