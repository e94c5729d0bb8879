"""A report in a few lines for people."""

from __future__ import annotations

from gnnreco.files.json_types import JsonMapping
from gnnreco.summary import counted


def in_short(told: JsonMapping) -> list[str]:
    """A report in a few lines for people: what `JobReport.told` gave."""
    if not told["events"]:
        return []
    runs = f"{told['runs']} runs of together " if told["runs"] > 1 else ""
    rates = f"{_rate(told['events_per_second'])}, {told['hits_per_second'] or 0:,.0f} hits/s"
    lines = [f"{counted(told['events'], 'event')} in {runs}{_time(told['seconds'])}: {rates}"]
    warm = told["latency_seconds"]
    one = warm if warm["count"] else told["cold_latency_seconds"]
    if one["count"]:
        of = "an event" if warm["count"] else "an event, the first of its process"
        figures = ", ".join(f"{name} {_time(one[name])}" for name in ("p50", "p90", "p99", "max"))
        lines.append(f"{of}: {figures}")
    stages = {name: s for name, s in told["stage_seconds"].items() if s > 0}
    if total := sum(stages.values()):
        ranked = sorted(stages.items(), key=lambda item: -item[1])
        lines.append("time: " + ", ".join(f"{name} {100 * s / total:.0f} %" for name, s in ranked))
    if memory := told["peak_memory_gib"]:
        of = f", the largest of {len(memory)} processes" if len(memory) > 1 else ""
        lines.append(f"memory: {max(memory.values()):.2f} GiB at peak{of}")
    if told["slowest"]:
        slow = told["slowest"][0]
        hits = "not read" if slow["hits"] is None else counted(slow["hits"], "hit")
        cold = ", the first of its process" if slow["cold"] else ""
        lines.append(
            f"slowest: event {slow['event']} of {slow['file']}, {hits}, {_time(slow['seconds'])}{cold}"
        )
    if told["failures"]:
        lines.append("failed: " + ", ".join(f"{n:,} {kind}" for kind, n in told["failures"].items()))
    return lines


def _time(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g} events/s"
