"""Settings are checked key by key and kind by kind, and the message names the key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from gnnreco.errors import BadConfig
from gnnreco.schema import build, parse_settings, plain


@dataclass(frozen=True)
class Network:
    hidden: int = 32
    rate: float = 0.5
    kind: Literal["sum", "mean"] = "sum"


@dataclass(frozen=True)
class Settings:
    name: str
    network: Network = field(default_factory=Network)
    widths: tuple[int, ...] = ()
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.widths) > 3:
            raise ValueError("too many widths")


def test_values_become_the_dataclass_and_back() -> None:
    values = {"name": "a", "network": {"hidden": 8, "rate": 1}, "widths": [1, 2], "window": [0, 1.5]}
    settings = build(Settings, values)
    assert settings == Settings("a", Network(8, 1.0), (1, 2), (0.0, 1.5))
    assert isinstance(settings.network.rate, float)
    assert build(Settings, plain(settings)) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "setting 'name' has no value"),
        ({"name": 3}, "'name': expected str, got 3"),
        ({"name": "a", "network": {"hiden": 3}}, "unknown setting 'network.hiden'; did you mean 'hidden'"),
        ({"name": "a", "network": {"hidden": 3.5}}, "'network.hidden': expected int, got 3.5"),
        ({"name": "a", "network": {"hidden": True}}, "'network.hidden': expected int, got True"),
        ({"name": "a", "network": {"hidden": None}}, "'network.hidden': expected a value"),
        ({"name": "a", "network": {"kind": "max"}}, "'network.kind': expected 'sum' or 'mean', got 'max'"),
        ({"name": "a", "network": 3}, "network: expected settings by name"),
        ({"name": "a", "widths": [1, "x"]}, r"'widths\[1\]': expected int"),
        ({"name": "a", "widths": [1, 2, 3, 4]}, "too many widths"),
        ({"name": "a", "window": [1]}, "'window': expected 2 values, got 1"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        build(Settings, values)


def test_settings_of_a_verb_are_yaml() -> None:
    assert parse_settings(["a=1", "b.c=[1, 2]", "b.d=x"]) == {"a": 1, "b": {"c": [1, 2], "d": "x"}}
    for word in ("a", "=1", "a=[1"):
        with pytest.raises(BadConfig):
            parse_settings([word])
