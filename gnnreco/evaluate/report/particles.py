"""What is printed of the scores of particle flow."""

from __future__ import annotations

from gnnreco.files.json_types import JsonMapping
from gnnreco.summary import counted

from .words import percent, with_error

RATES = {"efficiency": "efficiency", "fake_rate": "fakes", "wrong_class_rate": "wrong class"}
WIDTH = 23


def particle_lines(result: JsonMapping) -> list[str]:
    """Lines for each class, jets, missing momentum and probabilities; at most 110 characters."""
    definitions = result["definitions"]
    lines = [
        f"{counted(result['events'], 'event')}; counted: {definitions['target']}, found particles of the same",
        "",
    ]
    lines += [
        f"{'class':16}{''.join(name.rjust(WIDTH) for name in RATES.values())}  {'targets':>8}  {'found':>8}"
    ]
    rows = {name.replace("_", " "): row for name, row in result["classes"].items()} | {"all": result}
    hard = {name: rows[name]["above_2_gev"] for name in ("photon", "neutral hadron", "all") if name in rows}
    for title, some in (("", rows), ("above 2 GeV", hard)):
        lines += ["", title] if title else []
        for name, row in some.items():
            rates = "".join(percent(row, rate, WIDTH) for rate in RATES)
            lines += [f"{name:16}{rates}  {row['targets']:>8,}  {row['found_particles']:>8,}"]
    lines += ["", f"{'energy':16}{'response':>19}{'IQR / median':>19}{'pull width':>19}"]
    for name, row in result["classes"].items():
        cells = (with_error(row, key, ".3f") for key in ("response", "resolution", "pull_width"))
        lines += [f"{name.replace('_', ' '):16}{''.join(cell.rjust(19) for cell in cells)}"]
    return [*lines, "", *_jets(result), *_balance(result), *_classes(result)]


def _jets(result: JsonMapping) -> list[str]:
    """A line for each manner to find jets; its words are in the definition."""
    return [
        f"jets, {name}: response {with_error(row, 'jet_response_median')}, IQR / median "
        f"{with_error(row, 'jet_resolution_iqr')}; {row['counted_jets']:,} of {row['target_jets']:,} target jets count"
        for name, row in result["jets"].items()
    ]


def _balance(result: JsonMapping) -> list[str]:
    mass = result["visible_mass"]
    return [
        f"missing transverse momentum: width of a component {with_error(result, 'met_resolution', '.3g')} GeV",
        f"visible mass: response {with_error(mass, 'response')}, IQR / median {with_error(mass, 'resolution')}",
    ]


def _classes(result: JsonMapping) -> list[str]:
    error = result.get("class_ece")
    return [] if error is None else [f"class probabilities: calibration error {100 * error:.2f} %"]
