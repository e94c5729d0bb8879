"""The programming interface of the TrackML challenge's own library, on gnnreco: the same names, arguments and returns.

A program of the challenge needs one change, `import gnnreco.trackml as trackml` (or `from gnnreco.trackml.dataset
import load_event`), and `pip install 'gnnreco[pandas]'`, since events are pandas tables here. Everything that loops
over hits there is vectorised here, and runs on pandas 2 and 3. `docs/how_to/trackml.md` lists where the answers differ.

Source: LAL/trackml-library, version 3 (its README is the reference of names and formats); arXiv:1904.06778.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["dataset", "randomize", "score", "utils", "weights"]


def __getattr__(name: str) -> ModuleType:
    # Loaded when asked for: the score draws in the evaluation, and who only reads events need not wait for that.
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
