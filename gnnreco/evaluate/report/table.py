"""What `gnnreco evaluate` prints: lines for each matching rule or kind of rate, resolutions, cost."""

from __future__ import annotations

from collections.abc import Sequence

from gnnreco.columns import Anomalies, Clusters, ReconstructedParticles
from gnnreco.files.json_types import JsonMapping
from gnnreco.summary import counted
from gnnreco.tasks.registry import find_task

from ..anomaly import anomaly_lines
from ..fastsim import fastsim_lines
from ..matching import RULES
from ..tracking import PARAMETERS
from .particles import particle_lines
from .words import number, percent

UNITS = {"d0_mm": "mm", "z0_mm": "mm", "phi": "rad", "theta": "rad", "q_over_p": "e/GeV"}


def table(result: JsonMapping, width: int | None = None) -> str:
    """Lay the object that `evaluate` returns out for a terminal.

    Parameters
    ----------
    result : mapping
        What `evaluate` or `score_tracks` returned.
    width : int, optional
        Characters of a line of the terminal: intervals are left out where they have no room.

    Returns
    -------
    str
        Lines of at most 110 characters.
    """
    if "tasks" in result:
        return "\n\n".join(table(part, width) for part in result["tasks"].values())
    if result.get("task") == "fastsim":
        return "\n".join(fastsim_lines(result))
    gives = find_task(result.get("task", "tracking")).gives
    if gives is Clusters:
        return _clusters(result)
    if gives is ReconstructedParticles:
        return "\n".join([*particle_lines(result), *_calibration_line(result), *_cost_lines(result)])
    if gives is Anomalies:
        return "\n".join([*anomaly_lines(result), *_cost_lines(result)])
    rows = [(rule, result[rule]) for rule in RULES]
    rows += [("acts, all tracks", result["all_tracks"]["acts"])]
    more = {low_pt_row(result): result["low_pt"]["acts"], "acts, displaced": result["displaced"]["acts"]}
    rows += [(name, row) for name, row in more.items() if row["particles"]]
    definitions = result["definitions"]
    lines = [f"{counted(result['events'], 'event')}; target: {definitions['target']}"]
    lines += [
        f"rows {next(iter(RULES))} to {list(RULES)[-1]}: counted tracks, {definitions['tracks']}; the others: all tracks",
        "",
    ]
    whole = _rate_lines(rows, (19, 17, 17), interval=True)
    if width is None or max(map(len, whole)) <= width:
        lines += whole
    else:
        lines += _rate_lines(rows, (10, 10, 10), interval=False)
        lines += ["(68 % intervals: in a wider terminal, and by --json)"]
    lines += ["", *_calibration_line(result)]
    single = {"trackml_score": "TrackML score, all hits", "edge_efficiency": "edge efficiency of the graph"}
    for key, name in (single | {"edge_purity": "edge purity of the graph"}).items():
        if result.get(key) is not None:
            lines += [f"{name}: {number(result[key], '.4f')}"]
    lines += _resolution_lines(result.get("resolutions")) + _cost_lines(result)
    return "\n".join(lines)


def _rate_lines(
    rows: Sequence[tuple[str, JsonMapping]], widths: tuple[int, int, int], interval: bool
) -> list[str]:
    """The rates of tracks by each rule, under their names."""
    wide = max(20, *(len(name) for name, _ in rows))
    heads = [f"{name:>{w}}" for name, w in zip(("efficiency", "fakes", "duplicates"), widths, strict=True)]
    lines = [f"{'matching':{wide}}  {'  '.join(heads)}  {'particles':>9}  {'tracks':>7}"]
    for name, row in rows:
        rates = zip(("efficiency", "fake_rate", "duplicate_rate"), widths, strict=True)
        cells = "  ".join(percent(row, rate, w, interval) for rate, w in rates)
        lines += [f"{name:{wide}}  {cells}  {row['particles']:>9,}  {row['tracks']:>7,}"]
    return lines


def low_pt_row(result: JsonMapping) -> str:
    """The name of the row of particles that are slower than the target."""
    low, high = result.get("low_pt_range") or (0.15, 1.0)
    return f"acts, pt {low:g}-{high:g} GeV"


def _clusters(result: JsonMapping) -> str:
    definitions = result["definitions"]
    lines = [
        f"{counted(result['events'], 'event')}; target: {definitions['target']}; counted: {definitions['clusters']}"
    ]
    lines += [f"truth: {definitions['truth_energy']}", ""]
    for rate in ("efficiency", "purity", "fake_rate", "split_rate", "merge_rate"):
        lines += [f"{rate.replace('_', ' '):22}  {percent(result, rate, 22)}"]
    for name in ("energy_response_mean", "energy_resolution", "pull_sigma", "adjusted_rand", "v_measure"):
        low, high = result[f"{name}_interval"] or (None, None)
        spread = "" if low is None else f" +- {(high - low) / 2:.4f}"
        lines += [f"{name.replace('_', ' '):22}  {number(result[name], '.4f') + spread:>22}"]
    lines += [f"{result['particles']:,} target particles, {result['clusters']:,} counted clusters"]
    lines += _calibration_line(result)
    return "\n".join(lines + _cost_lines(result))


def _calibration_line(result: JsonMapping) -> list[str]:
    """What the scores promise beside what is matched."""
    curve = result.get("calibration")
    if curve is None:
        return []
    all_of_them = curve["overall"]
    return [
        f"score: {100 * all_of_them['score_mean']:.2f} % on average, {100 * all_of_them['matched']:.2f} % of "
        f"{all_of_them['count']:,} are matched; calibration error {100 * curve['ece']:.2f} %"
    ]


def _resolution_lines(resolutions: JsonMapping | None) -> list[str]:
    if not resolutions:
        return []
    lines = [
        "",
        f"{'parameter':10}  {'core':>10}  {'RMS':>10}  {'unit':5}  {'pull core':>9}  {'pull bias':>9}",
    ]
    for name in PARAMETERS:
        row = resolutions[name]
        values = f"{number(row['core'], '.3g'):>10}  {number(row['rms'], '.3g'):>10}  {UNITS[name]:5}"
        pulls = f"{number(row['pull_core'], '.2f'):>9}  {number(row['pull_bias'], '.2f'):>9}"
        lines += [f"{name.removesuffix('_mm'):10}  {values}  {pulls}"]
    return lines


def _cost_lines(result: JsonMapping) -> list[str]:
    if result.get("cpu_seconds_per_event") is None:
        return []
    cpu, wall = (number(result[key], ".3g") for key in ("cpu_seconds_per_event", "seconds_per_event"))
    memory = f"{number(result['peak_rss_gib'], '.2f')} GiB at peak, {counted(result['threads'], 'thread')}"
    return ["", f"{cpu} CPU s and {wall} s an event, {memory}"]
