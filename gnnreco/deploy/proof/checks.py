"""Checks of a deployed folder: what they return, files made again, answers compared, and what all of them come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gnnreco.columns import Floats
from gnnreco.deploy.toolchain import ToolFailed, network_is_cut
from gnnreco.errors import GnnrecoError, MissingTool
from gnnreco.files.json_types import JsonDict
from gnnreco.progress import Progress

Row = JsonDict
Check = tuple[bool | None, str]  # None: could not be made here
TRAINED, SOURCES = "trained network", "sources"
PART = 4096  # events


def equal(found: Floats, wanted: Floats) -> Check:
    """How many events, a row each, are equal in every bit."""
    if found.shape != wanted.shape:
        return False, f"answers have shape {found.shape}, not {wanted.shape}"
    same = int((found == wanted).reshape(len(found), -1).all(axis=1).sum())
    return same == len(found), f"{same:,} of {len(found):,} events are equal in every bit"


def parts(n: int, width: int = 1) -> list[slice]:
    """Some thousand events at a time, fewer where an event takes `width` numbers: every step keeps its own."""
    size = max(min(PART, (1 << 26) // max(width, 1)), 1)
    return [slice(start, start + size) for start in range(0, n, size)] or [slice(0, 0)]


def check_files(
    content: Mapping[str, bytes],
    made: Mapping[str, bytes],
    made_with: Mapping[str, str | None],
    now: Mapping[str, str | None],
    trust: bool,
) -> Check:
    """Whether files are what is made again here, byte by byte.

    Parameters
    ----------
    content, made : mapping of bytes
        By name: of the folder, and made again.
    made_with, now : mapping of str
        Versions of what generated them, then and here.
    trust : bool
        Whoever runs this takes others all the same.
    """
    others = sorted({f for f in {*content, *made} if content.get(f) != made.get(f)})
    if not others:
        return True, f"{len(made)} files are made again byte for byte"
    versions = ", ".join(
        f"{n} {made_with.get(n) or '?'} (here {v or 'none'})" for n, v in now.items() if made_with.get(n) != v
    )
    why = f"{others[0]} is not what the program gives" + (
        f"; it was made with {versions}" if versions else ""
    )
    if trust:
        return None, f"{why}; built all the same (--trust)"
    return False, f"{why}; nothing is built: deploy it again, or look at it and say --trust"


def run_checks(checks: Mapping[str, Callable[[], Check]], progress: Progress | None = None) -> list[Row]:
    """A row of ``check, ok, detail`` for each; ``ok`` None where a tool is missing."""
    rows = []
    for number, (what, check) in enumerate(checks.items()):
        if progress:
            progress(what, number, len(checks))
        try:
            ok, detail = check()
        except ToolFailed as error:
            ok, detail = False, str(error)
        except (MissingTool, ModuleNotFoundError) as error:
            ok, detail = None, str(error)
        except GnnrecoError as error:
            ok, detail = False, str(error)
        rows.append({"check": what, "ok": ok, "detail": detail})
    if progress:
        progress("verified", len(checks), len(checks))
    return rows


def confined() -> str:
    """How what was compiled here ran, as a row says it."""
    return "without network" if network_is_cut() else "with the network, which could not be cut here"


def verdict(rows: Sequence[Row], trust: bool = False) -> tuple[bool, str]:
    """Whether rows prove a folder, and one line that says so."""
    wrong = [row["check"] for row in rows if row["ok"] is False]
    if wrong:
        return False, f"not proved: {', '.join(wrong)}"
    open_ = [row for row in rows if row["ok"] is None and row["check"] in (TRAINED, SOURCES)]
    left = [row for row in open_ if not (trust and row["check"] == SOURCES)]
    if left:
        return False, f"not proved: {left[0]['check']}: {left[0]['detail']}"
    return True, "proved" + (", but for sources that were taken on trust" if open_ else "")
