"""What each line of an evaluation means, in words: `gnnreco evaluate --explain`."""

from __future__ import annotations

import textwrap

from gnnreco.files.json_types import JsonMapping

from .table import low_pt_row

WIDTH = 110
NAME = 24  # of the column of names


def explain(result: JsonMapping, width: int = WIDTH) -> str:
    """The meaning of each row and figure of the object that `evaluate` returns.

    Parameters
    ----------
    result : mapping
        What `evaluate` or `score_tracks` returned.
    width : int
        Of the lines, characters.

    Returns
    -------
    str
        A paragraph for each name, in the order of the table.
    """
    if "tasks" in result:
        return "\n\n".join(f"{task}\n{explain(part, width)}" for task, part in result["tasks"].items())
    names = {"all_tracks": "acts, all tracks", "displaced": "acts, displaced"}
    if "low_pt" in result:
        names["low_pt"] = low_pt_row(result)
    return "\n".join(
        _paragraph(names.get(key, key.removeprefix("rule ").replace("_", " ")), text, width)
        for key, text in result["definitions"].items()
    )


def _paragraph(name: str, text: str, width: int) -> str:
    first = f"{name:{NAME}}" if len(name) < NAME else f"{name}: "
    return textwrap.fill(text, max(width, 2 * NAME), initial_indent=first, subsequent_indent=" " * NAME)
