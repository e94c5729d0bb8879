"""Turns the remedies of errors, which speak Python, into the flags of the command line."""

from __future__ import annotations

import re

#: Keyword of a function, and the flag that sets it. An error writes a remedy as ``with name=value``, or ``without``.
FLAGS = {
    "anomalous": "--anomalous",
    "any_detector": "--any-detector",
    "bundles": "--bundle",
    "detector": "--detector",
    "engine": "--engine",
    "format": "--format",
    "normal": "--normal",
    "output": "--output",
    "columns": "--columns",
    "max_eta": "--max-eta",
    "method": "--method",
    "min_energy": "--min-energy",
    "min_hits": "--min-hits",
    "min_pt": "--min-pt",
    "overwrite": "--overwrite",
    "redo_failed": "--redo-failed",
    "reference": "--reference",
    "resume": "--resume",
    "seeds": "--seeds",
    "signal": "--signal",
    "train": "--train",
    "truth": "--truth",
}
#: Flags that take something away.
NEGATIVE = {"cells=False": "--no-cells"}
REMEDY = re.compile(
    rf"\b(with|without) (?:({'|'.join(map(re.escape, NEGATIVE))})|({'|'.join(FLAGS)})=(?:True\b|'([^']*)'|(?![\w\[({{])))"
)


def as_flags(message: str) -> str:
    """A message with the flags that do what its keywords would do in Python.

    Examples
    --------
    >>> as_flags("allow it with any_detector=True, or name another one with bundles='tracking-odd'")
    'allow it with --any-detector, or name another one with --bundle tracking-odd'
    """
    return REMEDY.sub(_flag, message)


def _flag(found: re.Match[str]) -> str:
    how, negative, name, value = found.groups()
    words = [how, NEGATIVE[negative] if negative else FLAGS[name], value or ""]
    return " ".join(words).rstrip()
