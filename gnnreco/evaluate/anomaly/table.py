"""What `gnnreco evaluate` prints of anomalies."""

from __future__ import annotations

from gnnreco.files.json_types import JsonMapping
from gnnreco.summary import counted

MOST_LISTED = 10  # strangest events, and sources
#: Levels of the p-value whose coverage is printed.
LEVELS = (0.5, 0.1, 0.05, 0.01, 0.001)
WIDEST = 28  # of the name of a source; longer ones lose their beginning


def anomaly_lines(result: JsonMapping) -> list[str]:
    """What is found, what it costs in normal events, whether p-values hold, and the strangest events.

    Parameters
    ----------
    result : mapping
        What `score_anomalies` returned.
    """
    normal, strange = result["normal"], result["anomalous"]
    counts = f"{counted(result['events'], 'event')}: {_counted(normal)} normal"
    lines = [
        f"{counts}, {_counted(strange)} anomalous" if strange else f"{counts} (no source is named anomalous)"
    ]
    if strange:
        lines += ["", *_told_apart(result)]
    lines += ["", *_parts(result), "", *_coverage(result), "", *_strangest(result)]
    return lines


def _counted(side: JsonMapping) -> str:
    lost = side["without_score"]
    return f"{side['events']:,}" + (f" ({lost:,} without a score)" if lost else "")


def _told_apart(result: JsonMapping) -> list[str]:
    """A line for all anomalous events, and one for each source where there are several."""
    rates = [row["rate"] for row in result["rates"]]
    wide = max(len("anomalous events"), *(len(_short(name)) for name in result["sources"]))
    head = f"{'anomalous events':{wide}}  {'events':>8}  {'AUC':>15}  {'TPR / sqrt(FPR)':>16}"
    lines = [head + "".join(f"  {f'efficiency at {rate:g}':>21}" for rate in rates)]
    sources = result["sources"]
    rows = {"all": result} | (sources if len(sources) > 1 else {})
    for name, row in list(rows.items())[: MOST_LISTED + 1]:
        gain = _pm(row, "max_significance_improvement", ".2f")
        cells = "".join(f"  {_efficiency(cut):>21}" for cut in row["rates"])
        lines.append(
            f"{_short(name):{wide}}  {row['signal']:>8,}  {_pm(row, 'auc', '.3f'):>15}  {gain:>16}{cells}"
        )
    return lines + _cut(len(rows) - 1, "sources")


def _short(name: str) -> str:
    return name if len(name) <= WIDEST else f"…{name[1 - WIDEST :]}"


def _pm(row: JsonMapping, name: str, spec: str) -> str:
    if row[name] is None:
        return "-"
    low, high = row[f"{name}_interval"]
    return f"{format(row[name], spec)} +- {format((high - low) / 2, spec)}"


def _efficiency(cut: JsonMapping) -> str:
    if cut["efficiency"] is None:
        return "too few normal"
    low, high = (100 * bound for bound in cut["efficiency_interval"])
    value = 100 * cut["efficiency"]
    return f"{value:.1f} % +{high - value:.1f} -{value - low:.1f}"


def _parts(result: JsonMapping) -> list[str]:
    """What gives the score, on average."""
    rows = {side: (result[side] or {}).get("parts") for side in ("normal", "anomalous")}
    told = {side: parts for side, parts in rows.items() if parts}
    if not told:
        return ["no event has a score"]
    names = [name.replace("_", " ") for name in next(iter(told.values()))]
    lines = [f"{'mean part':9}" + "".join(f"  {name:>{max(len(name), 7)}}" for name in names)]
    for side, parts in told.items():
        cells = (f"  {value:>{max(len(name), 7)}.3g}" for name, value in parts.items())
        lines.append(f"{side:9}" + "".join(cells))
    return lines


def _coverage(result: JsonMapping) -> list[str]:
    told = result["coverage"]
    if told is None:
        return ["p-values of normal events: too few to judge"]
    lines = [f"{'p-values of normal events':32}  {'part below':>12}  {'68 % interval':>17}"]
    for level, below, (low, high) in zip(told["level"], told["below"], told["interval"], strict=True):
        if level in LEVELS:
            lines.append(f"{f'p at most {level:g}':32}  {below:>12.4f}  {f'{low:.4f} to {high:.4f}':>17}")
    lines += [
        f"largest difference {100 * told['error']:.2f} %, {100 * told['expected_error']:.2f} % expected of perfect ones "
        f"(p = {told['error_p_value']:.2g})",
    ]
    for name, row in list(told["by_source"].items())[:MOST_LISTED]:
        text = "too few" if row is None else f"{100 * row['error']:.2f} % (p = {row['error_p_value']:.2g})"
        lines.append(f"  {_short(name)}: {text}")
    lines += _cut(len(told["by_source"]), "sources")
    return [*lines, _drift(result["drift"])]


def _drift(told: JsonMapping) -> str:
    """Whether the normal events still look like those of the calibration."""
    seen = (
        "they have drifted from the calibration"
        if told["drifted"]
        else "no drift from the calibration is seen"
    )
    how = f"Kolmogorov-Smirnov distance {told['ks']:.3f}, wealth {told['martingale_max']:.3g}"
    return f"{seen}: p = {told['p_value']:.2g} ({how})"


def _strangest(result: JsonMapping) -> list[str]:
    rows = result["strangest"][:MOST_LISTED]
    if not rows:
        return []
    wide = max(len("source"), *(len(_short(row["source"])) for row in rows))
    head = f"{'event':>9}  {'score':>9}  {'p-value':>9}  {'main part':22}"
    lines = [f"{'strangest':9}  {'source':{wide}}  {head}".rstrip()]
    for i, row in enumerate(rows):
        told = f"{row['event']:>9}  {row['score']:>9.4g}  {row['p_value']:>9.3g}  "
        kind = "  anomalous" if row["anomalous"] else ""
        lines.append(
            f"{i + 1:>9}  {_short(row['source']):{wide}}  {told}{row['main_part'].replace('_', ' '):22}{kind}".rstrip()
        )
    return lines


def _cut(count: int, what: str) -> list[str]:
    return [f"  and {count - MOST_LISTED} more {what}: see --json"] if count > MOST_LISTED else []
