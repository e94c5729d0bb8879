"""What a trigger allows, what a design needs, and what would make it fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gnnreco.deploy.program.program import Program
from gnnreco.deploy.program.symbols import CHEAPEST, FASTEST
from gnnreco.deploy.rtl.pipeline import LOGIC_SHARE, Design, build, check_clock
from gnnreco.errors import BadConfig
from gnnreco.files.json_types import JsonMapping

LONGEST_RUN = 7 * 86400.0  # s
MOST = 1e9  # ns, LUTs
#: alkaid's estimate was up to 24 % below what Yosys counts; a budget of LUTs holds for the larger number.
ESTIMATE_BELOW = 0.24


@dataclass(frozen=True)
class Budget:
    """What is allowed; None: anything.

    Attributes
    ----------
    ns : float, optional
        From taking an event in to its answer.
    luts : int, optional
    clock_ns : float
        Period of the clock.
    """

    ns: float | None = None
    luts: int | None = None
    clock_ns: float = 5.0

    def __post_init__(self) -> None:
        check_clock(self.clock_ns)
        for what in ("ns", "luts"):
            value = getattr(self, what)
            if value is not None and not (math.isfinite(value) and 0 < value <= MOST):
                raise BadConfig(f"budget {what}: must be above 0 and at most {MOST:g}, got {value:g}")


def check_seconds(what: str, seconds: float) -> None:
    """Raise `BadConfig` for a time that no tool can be given."""
    if not 0 <= seconds <= LONGEST_RUN:  # also for NaN
        raise BadConfig(f"{what}: must be 0 (do not run) to {LONGEST_RUN:,.0f} s, got {seconds:g}")


@dataclass(frozen=True)
class Fit:
    """What a design needs beside what is allowed.

    Attributes
    ----------
    rows : tuple of mapping
        ``what, needs, allowed, unit, fits, by``: by whose count.
    advice : tuple of str
        What would make it fit, in numbers; empty where it fits.
    """

    rows: tuple[JsonMapping, ...]
    advice: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether all of it fits."""
        return all(row["fits"] for row in self.rows)


def fit(program: Program, design: Design, budget: Budget, luts: float, by: str) -> Fit:
    """A design beside a budget; `by` says who counted its LUTs."""
    rows = [
        ("latency", design.latency * budget.clock_ns, budget.ns, "ns", "clocks of the pipeline"),
        ("LUTs", round(luts), budget.luts, "", by),
    ]
    names = ("what", "needs", "allowed", "unit", "by")
    beside = tuple(dict(zip(names, row)) | {"fits": row[2] is None or row[1] <= row[2]} for row in rows)
    return Fit(beside, tuple(advise(program, design, budget, luts)))


def choose(program: Program, name: str, budget: Budget) -> tuple[Design, Fit]:
    """The smallest design that is fast enough, else the fastest, with what is still missing.

    Sums of free shape share more, sums of the fewest levels need fewer registers: which is smaller depends on the network.
    """
    designs = [build(program, name, budget.clock_ns, levels) for levels in (CHEAPEST, FASTEST)]
    in_time = [d for d in designs if budget.ns is None or d.latency * budget.clock_ns <= budget.ns]
    if in_time:
        design = min(in_time, key=lambda d: (d.luts, d.latency))
    else:
        design = min(designs, key=lambda d: (d.latency, d.luts))
    return design, estimated_fit(program, design, budget)


def estimated_fit(program: Program, design: Design, budget: Budget) -> Fit:
    """A design beside a budget before Yosys has counted: its LUTs may be as many as the estimate can be wrong by."""
    luts = design.luts / (1 - ESTIMATE_BELOW)
    by = f"alkaid's estimate of {design.luts:,.0f}, which can be {ESTIMATE_BELOW:.0%} below Yosys"
    return fit(program, design, budget, luts, by)


def advise(program: Program, design: Design, budget: Budget, luts: float) -> list[str]:
    """What would make a design fit; empty if it does."""
    advice = []
    needs = design.latency * budget.clock_ns
    if budget.ns is not None and needs > budget.ns:
        logic = design.latency * design.delay_ns
        advice.append(
            f"latency: {needs - budget.ns:.1f} ns too many; logic alone takes {logic:.1f} ns by estimate, which no clock "
            f"shortens, and within {budget.ns:g} ns there is time for {LOGIC_SHARE * budget.ns:.1f} ns of it. One layer "
            f"less saves about {logic / max(layers(program), 1):.1f} ns"
        )
    if budget.luts is not None and luts > budget.luts:
        share = budget.luts / luts
        advice.append(
            f"LUTs: {luts - budget.luts:,.0f} too many; train it to {share:.0%} of its cost with a higher "
            "task.resource (gnnreco deploy search BUNDLE finds the accuracy that this costs)"
        )
        if program.slots > 2:
            pairs = any(op.kind == "valid" and len(op.arrays.get("slots", ())) == 2 for op in program.ops)
            slots = max(
                n for n in range(1, program.slots + 1) if n == 1 or _grown(n, program.slots, pairs) <= share
            )
            why = "pairs grow with the square" if pairs else "it grows in proportion"
            advice.append(f"or about {slots} slots instead of {program.slots}: {why}")
    return advice


def layers(program: Program) -> int:
    """Products with weights that follow one another, at most."""
    depth = [0]
    for op in program.ops:
        depth.append(max((depth[i] for i in op.inputs), default=0) + (op.kind == "dense"))
    return depth[-1]


def _grown(slots: int, before: int, pairs: bool) -> float:
    """Size with so many slots, in parts of the size before."""
    return slots * (slots - 1) / (before * (before - 1)) if pairs else slots / before
