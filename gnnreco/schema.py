"""Strict settings: plain values from YAML become a dataclass; an error names the key that does not fit."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from gnnreco.errors import BadConfig
from gnnreco.files.json_types import JsonDict, JsonMapping

T = TypeVar("T")


def parse_settings(words: Sequence[str]) -> JsonDict:
    """Turn ``key=value`` and ``a.b=value`` into nested values, read as YAML."""
    tree: JsonDict = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise BadConfig(f"'{word}' is not key=value")
        *path, last = key.split(".")
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
        try:
            branch[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadConfig(f"'{word}': the value cannot be read ({error})") from error
    return tree


def build(kind: type[T], values: JsonMapping, where: str = "", others: bool = False) -> T:
    """Build the dataclass `kind` from plain values.

    Parameters
    ----------
    kind : dataclass
        Its annotations are the schema: numbers, text, bool, None, lists, tuples, dicts, literals,
        dataclasses.
    values : mapping
        As YAML gives it; keys that are absent keep their default.
    where : str
        Prefix of the names in messages.
    others : bool
        Leave out keys that `kind` does not know, as a reader of manifests does: a later version may have more.

    Raises
    ------
    BadConfig
        For an unknown key (with the nearest spelling), a missing one, or a value of the wrong kind.
    """
    if not isinstance(values, Mapping):
        raise BadConfig(f"{where or kind.__name__}: expected settings by name, got {_short(values)}")
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    if others:
        values = {key: value for key, value in values.items() if key in fields}
    for key in values:
        if key not in fields:
            raise BadConfig(f"unknown setting '{_join(where, str(key))}'{nearest(str(key), fields)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise BadConfig(f"setting '{_join(where, name)}' has no value")
    hints = get_type_hints(kind)
    built = {key: _convert(hints[key], value, _join(where, key), others) for key, value in values.items()}
    try:
        return kind(**built)
    except ValueError as error:
        raise BadConfig(f"{where or kind.__name__}: {error}") from error


def plain(settings: object) -> Any:
    """Turn a dataclass into dicts, lists and numbers that YAML and JSON can hold."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return {f.name: plain(getattr(settings, f.name)) for f in dataclasses.fields(settings) if f.init}
    if isinstance(settings, Mapping):
        return {str(key): plain(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [plain(value) for value in settings]
    return settings


def within(settings: object, low: int, high: int, *names: str) -> None:
    """Raise `ValueError` unless these settings, or each of their values, lie between `low` and `high`."""
    for name in names:
        value = getattr(settings, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                raise ValueError(f"{name} must lie between {low:,} and {high:,}, not {_short(number)}")


CLOSE = 0.6  # how alike two names are of which one may be the other, misspelt


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the closest known name, or the list of all."""
    known = list(known)
    likest = max(known, key=lambda one: _alike(name, one), default="")
    close = bool(likest) and _alike(name, likest) >= CLOSE
    return f"; did you mean '{likest}'?" if close else f"; there is {', '.join(known) or 'none'}"


def _alike(one: str, other: str) -> float:
    """From 0 to 1. Read backwards, too: the longest common part hides what lies before it."""
    return max(difflib.SequenceMatcher(None, one[::way], other[::way]).ratio() for way in (1, -1))


def _short(value: object) -> str:
    """A value as a message can hold it."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _convert(hint: Any, value: Any, where: str, others: bool) -> Any:
    """Check one value against its annotation; an int may stand for a float, nothing else is converted."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else build(hint, value, where, others)
    if origin in (Union, types.UnionType):
        return _first_fit(args, value, where, others)
    if origin is Literal and value in args:
        return value
    if origin in (list, tuple) and isinstance(value, list | tuple):
        return _sequence(origin, args, value, where, others)
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {
            _convert(args[0], k, where, others): _convert(args[1], v, _join(where, str(k)), others)
            for k, v in value.items()
        }
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, int) and abs(value) > 2**1000:
            raise BadConfig(f"setting '{where}': {_short(value)} is larger than a float holds")
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    expected = " or ".join(map(repr, args)) if origin is Literal else getattr(hint, "__name__", str(hint))
    raise BadConfig(
        f"setting '{where}': expected {expected if value is not None else 'a value'}, got {_short(value)}"
    )


def _first_fit(hints: tuple[Any, ...], value: Any, where: str, others: bool) -> Any:
    problems = []
    if value is None and type(None) in hints:
        return None
    for hint in hints:
        if hint is type(None):
            continue
        try:
            return _convert(hint, value, where, others)
        except BadConfig as error:
            problems.append(str(error))
    raise BadConfig(problems[0])


def _sequence(origin: Any, args: tuple[Any, ...], value: Any, where: str, others: bool) -> Any:
    if origin is list or (len(args) == 2 and args[1] is Ellipsis):
        kinds = [args[0]] * len(value)
    elif len(args) == len(value):
        kinds = list(args)
    else:
        raise BadConfig(f"setting '{where}': expected {len(args)} values, got {len(value)}")
    return origin(
        _convert(kind, item, f"{where}[{i}]", others)
        for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )
