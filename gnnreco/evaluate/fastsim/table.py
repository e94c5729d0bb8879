"""What `gnnreco evaluate` prints of generated showers: each figure beside its floor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from gnnreco.files.json_types import JsonMapping

CLASSIFIERS = {
    "low": "cells in squares",
    "low_normalised": "cells in squares, layers normalised",
    "high": "features of layers",
    "cells": "cells as points",
}

RATIO = "energy_resolution_ratio"
SEEN = {
    "energy_response_mean": "response",
    "energy_resolution": "resolution",
    "photon_pi0": "AUC photon against pi0",
    "photon_electron": "AUC photon against electron",
}


def fastsim_lines(result: JsonMapping) -> list[str]:
    """Lines of at most 110 characters for the object that `compare` returns."""
    showers = result["showers"]
    sides = {"generated": result, "weighted": result.get("weighted"), "floor": result["floor"] or {}}
    shown = {name: side for name, side in sides.items() if side is not None}
    lines = [
        f"{showers['generated']:,} generated showers, {showers['truth']:,} true ones, "
        f"compared: {showers['compared']:,} a side",
        *wrap(result["definitions"]["showers"], 110),
        "",
        f"{'':46}" + "".join(f"  {name:>16}" for name in shown),
    ]
    for title, rows in figure_rows(tuple(shown.values())):
        lines += [title, *(f"  {row[0]:44}" + "".join(f"  {cell:>16}" for cell in row[1:]) for row in rows)]
    lines += ["", "floor: the truth against itself, with as many showers a side"]
    if "weighted" in shown:
        w = shown["weighted"]
        lines.append(
            f"weighted: these {showers['generated']:,} tell as much as {w['effective_showers']:,.0f} showers "
            f"({100 * w['effective_share']:.0f} %); largest weight {w['largest']:.3g}, mean 1"
        )
    return lines + _reconstruction(result.get("reconstruction"))


def _reconstruction(result: JsonMapping | None) -> list[str]:
    """What a bundle found in both samples: each figure of either and the difference, with half of its 68 % interval."""
    if result is None:
        return []
    one, other, difference = (result[side] for side in ("generated", "truth", "difference"))
    title = f"reconstruction by {', '.join(result['bundles'])}"
    lines = ["", f"{title:34}  {'generated':>18}  {'truth':>18}  {'difference':>18}"]
    for name in [name for name in difference if f"{name}_interval" in difference and name in one]:
        cells = (_with_interval(side, name) for side in (one, other, difference))
        lines += [
            f"  {SEEN.get(name, name.replace('_', ' ')):32}" + "".join(f"  {cell:>18}" for cell in cells)
        ]
    lines += [
        "  resolution, generated over true:",
        f"    {'mean of the bins':30}  {_with_interval(difference, RATIO):>18}",
    ]
    bins = difference["bins"]
    for low, high, ratio, within in zip(
        bins["edges"], bins["edges"][1:], bins[RATIO], bins[f"{RATIO}_interval"], strict=False
    ):
        if ratio is not None:
            row = {RATIO: ratio, f"{RATIO}_interval": within}
            lines += [f"    {f'{low:g} to {high:g} GeV':30}  {_with_interval(row, RATIO):>18}"]
    return lines


def _with_interval(side: JsonMapping, name: str) -> str:
    """A figure and half of its interval."""
    value, within = side[name], side[f"{name}_interval"]
    if value is None:
        return "-"
    return f"{value:.4f}" + ("" if within is None else f" +- {(within[1] - within[0]) / 2:.4f}")


def figure_rows(sides: Sequence[JsonMapping]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Title of each group of figures, and its rows: a name, and the figure of each of several results as text."""
    result = sides[0]
    for key, title in (("auc", "AUC of classifiers"), ("jsd", "Jensen-Shannon divergence")):
        yield (
            title,
            [
                (CLASSIFIERS[name], *(_with_spread(side, name, key) for side in sides))
                for name in CLASSIFIERS
                if name in result["classifier"]
            ],
        )
    powers = [name for name in result["separation"] if name != "layers"]
    yield (
        "separation power",
        [(name.replace("_", " "), *(_value(side, "separation", name) for side in sides)) for name in powers],
    )
    single = {"fpd": "Frechet physics distance", "kpd": "kernel physics distance"}
    single |= {name: name for name in ("precision", "recall", "density", "coverage")}
    single |= {"sliced_wasserstein": "sliced Wasserstein distance"}
    single |= {"layer_correlation": "correlations of layers, largest difference"}
    rows: list[tuple[str, ...]] = [
        (title, *(_value(side, name) for side in sides)) for name, title in single.items()
    ]
    for name in ("longitudinal", "radial"):
        both = (_value(side, "profiles", name, "chi2") for side in sides)
        rows.append((f"{name} profile, chi2 per bin", *both))
    yield "distances", rows
    yield "response, generated over true", list(_responses(sides))


def _responses(sides: Sequence[JsonMapping]) -> Iterator[tuple[str, ...]]:
    result = sides[0]
    count = len(result["response"]["bins"])
    for i in (None, *range(count if count > 1 else 0)):
        for name in ("mean", "width"):
            where = "all energies"
            if i is not None:
                where = "{:.3g} to {:.3g} GeV".format(*result["response"]["bins"][i]["energy"])
            yield f"{name}, {where}", *(_ratio(side, name, i) for side in sides)


def _ratio(side: JsonMapping, name: str, i: int | None) -> str:
    found: Any = side.get("response")
    if found is None:
        return "-"
    row = found["all"] if i is None else found["bins"][i]
    value, error = row[f"{name}_ratio"], row[f"{name}_ratio_error"]
    return "-" if value is None else f"{value:.3f} +- {error:.3f}"


def _with_spread(side: JsonMapping, name: str, key: str) -> str:
    found: Any = side.get("classifier", {}).get(name)
    if found is None:
        return "-"
    spread = found[f"{key}_spread"]
    return f"{found[key]:.3f}" + ("" if spread is None else f" +- {spread:.3f}")


def _value(side: JsonMapping, *keys: str) -> str:
    value: Any = side
    for key in keys:
        value = None if value is None else value.get(key)
    return "-" if value is None else f"{value:.4g}"
