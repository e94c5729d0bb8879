"""Effects of detector and beam that explain why an event is strange: plain rules, each with the numbers it goes by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .facts import EVERYTHING
from .ranking import FEWEST, Ranking
from .strange import gev, name_of, reasons, told

ORDINARY = 0.25  # p-value: above it nothing needs an explanation
MOST_OF = 0.5  # of a collection's energy, or of what makes an event strange
SILENT = 0.05  # of a cell's energy: its neighbours' (a shower leaves more beside its middle)
NOTHING_BEHIND = 0.1  # of a cell's energy: other collections' in its direction
LOUD = 5.0  # times the usual lone cell
LONG = 6  # parts of pseudorapidity: no shower is that wide
TOP = 5  # numbers among which that of an effect must be
MORE = 1.25  # times the usual multiplicity
EXPECTED = 2.0  # standard deviations
WORTH = 0.1  # of all missing transverse momentum: what one collection must miss to be named for it
WHOLE = (EVERYTHING, "imbalance")


@dataclass(frozen=True)
class Effect:
    """What may explain an event.

    Attributes
    ----------
    name : str
        ``noisy cell``, ``beam halo``, ``pile-up``, ``none of these``, or ``ordinary``.
    text : str
        The numbers that made the rule say so.
    numbers : dict of str to float
        The same.
    """

    name: str
    text: str
    numbers: dict[str, float] = field(default_factory=dict)


def known_effect(ranking: Ranking, i: int) -> Effect:
    """The first known effect whose rule holds for event i.

    - **noisy cell**: one cell has at least half of its collection's energy and five times what the loneliest cell of that
      collection usually has (where most have none: five times what one in six exceeds); all its neighbours have at most
      5 % of its energy, other collections at most 10 % of it in its direction (within 0.1 rad); and the numbers of that
      collection are at least half of what makes the event strange.
    - **beam halo**: hits on one line parallel to the beam, at both ends, cross at least 6 quarters of a unit of
      pseudorapidity, and more than any line of the other events; this is among the five numbers that are strangest.
    - **pile-up**: multiplicity (vertices that the file lists, or else the median of the collections' hits) is at least 1.25
      times the usual one and above nine in ten of the other events', and at least half of what makes the event strange is
      within two standard deviations of what a straight line through the other events has at that multiplicity.

    Where none holds, an event with a p-value above 0.25 is **ordinary**; of another the number that stands out is told.
    """
    found = _noisy_cell(ranking, i) or _beam_halo(ranking, i)
    if found is None and ranking.p_value[i] > ORDINARY:
        return Effect("ordinary", "as the others")
    return found or _pile_up(ranking, i) or _none_of_these(ranking, i)


def _noisy_cell(ranking: Ranking, i: int) -> Effect | None:
    event, excess = ranking.events[i], ranking.excess(i)
    normal, _ = ranking.normal_for(i)
    parts = {part: _of_part(ranking, excess, part) for part in event.lone}
    for part in sorted(parts, key=lambda name: -parts[name]):
        cell = event.lone[part]
        before = normal[:, ranking.columns.index((part, "lone"))]
        usual, often, largest = (float(v) for v in np.quantile(before, [0.5, 0.84, 1.0]))
        holds = (
            cell.energy >= MOST_OF * cell.collection
            and cell.neighbours <= SILENT * cell.energy
            and cell.behind <= NOTHING_BEHIND * cell.energy
            and cell.energy - cell.neighbours > LOUD * (usual or often)
            and parts[part] >= MOST_OF * excess.sum()
        )
        if holds:
            share, beside = 100 * cell.energy / cell.collection, 100 * cell.neighbours / cell.energy
            around = (
                f"other collections have {gev(cell.behind)} in its direction"
                if cell.others
                else "no other collection can confirm it"
            )
            text = (
                f"one cell of {part} has {gev(cell.energy)}, {share:.0f} % of the collection; its neighbours have "
                f"{beside:.1f} % of that, and {around}; lone cells of the others have usually {gev(usual)}, at most "
                f"{gev(largest)}"
            )
            numbers = {
                "cell_gev": cell.energy,
                "collection_gev": cell.collection,
                "neighbours_gev": cell.neighbours,
                "other_collections_gev": cell.behind,
                "usual_gev": usual,
                "largest_of_others_gev": largest,
            }
            return Effect("noisy cell", text, numbers)
    return None


def _of_part(ranking: Ranking, excess: np.ndarray, part: str) -> float:
    """How much the numbers of a collection, and what it alone can unbalance, add to the score."""
    mine = [name == part or (name, kind) == WHOLE for name, kind in ranking.columns]
    return float(excess[mine].sum())


def _beam_halo(ranking: Ranking, i: int) -> Effect | None:
    line, column = ranking.events[i].line, (EVERYTHING, "line")
    if line is None or line.parts < LONG or not line.low < 0 < line.high:
        return None
    normal, _ = ranking.normal_for(i)
    before = float(normal[:, ranking.columns.index(column)].max())
    if line.parts <= before or column not in [(r.part, r.kind) for r in reasons(ranking, i, TOP)]:
        return None
    text = (
        f"{line.hits} hits of {', '.join(line.collections)} lie on one line along the beam, at a radius of "
        f"{line.radius:,.0f} mm and an azimuth of {line.phi:.2f}, from z = {line.low:,.0f} to {line.high:,.0f} mm; "
        f"it crosses {line.parts} parts of pseudorapidity, no line of the others more than {before:.0f}"
    )
    numbers = {
        "hits": float(line.hits),
        "parts": float(line.parts),
        "largest_of_others": before,
        "radius_mm": line.radius,
        "phi": line.phi,
        "z_low_mm": line.low,
        "z_high_mm": line.high,
    }
    return Effect("beam halo", text, numbers)


def _pile_up(ranking: Ranking, i: int) -> Effect | None:
    value, row = ranking.normal_for(i)
    if len(row) <= FEWEST + 2:
        return None  # a line through so few events tells nothing
    what, own, many = _multiplicity(ranking, i, value, row)
    usual = float(np.median(many))
    if not (what and own - usual >= np.log(MORE) and own > np.quantile(many, 0.9) and np.ptp(many) > 0):
        return None
    excess = ranking.excess(i)
    slope = ((many - many.mean()) @ (row - row.mean(axis=0))) / ((many - many.mean()) ** 2).sum()
    expected = row.mean(axis=0) + slope * (own - many.mean())
    rest = row - row.mean(axis=0) - np.outer(many - many.mean(), slope)
    # The line itself is known less well where it is drawn on beyond the events.
    far = 1 + 1 / len(row) + (own - many.mean()) ** 2 / ((many - many.mean()) ** 2).sum()
    sigma = np.sqrt((rest**2).sum(axis=0) / (len(row) - 2) * far)
    within = ranking.row[i] - expected <= EXPECTED * sigma
    explained = float(excess[within].sum() / max(excess.sum(), 1e-12))
    if explained < MOST_OF:
        return None
    text = (
        f"{what} {np.exp(own - usual):.1f} times the usual multiplicity; {100 * explained:.0f} % of what makes the event "
        f"strange is what other events lead one to expect at that"
    )
    numbers = {"times_usual": float(np.exp(own - usual)), "explained": explained}
    return Effect("pile-up", text, numbers)


def _multiplicity(
    ranking: Ranking, i: int, value: np.ndarray, row: np.ndarray
) -> tuple[str, float, np.ndarray]:
    """How it is told, and the logarithm of the multiplicity of event i and of the others (m,)."""
    column = (EVERYTHING, "vertices")
    if column in ranking.columns:
        at = ranking.columns.index(column)
        if (value[:, at] > 0).all():
            own = float(ranking.value[i, at])
            what = f"{own:.0f} vertices (usually {np.median(value[:, at]):.0f}),"
            return what, float(np.log(max(own, 1.0))), np.log(value[:, at])
    hits = [at for at, (_, kind) in enumerate(ranking.columns) if kind == "hits"]
    hits = [at for at in hits if np.median(value[:, at]) >= 10]
    if not hits:
        return "", 0.0, np.zeros(len(row))
    middle = np.median(row[:, hits], axis=0)
    many = np.median(row[:, hits] - middle, axis=1)
    own = float(np.median(ranking.row[i, hits] - middle))
    return f"hits of {len(hits)} collections:", own, many


def _none_of_these(ranking: Ranking, i: int) -> Effect:
    top = reasons(ranking, i, TOP)
    if not top:
        return Effect("none of these", "no single number stands out")
    least = WORTH * ranking.value[i, ranking.columns.index(WHOLE)] if WHOLE in ranking.columns else 0.0
    missing = [r for r in top if r.kind == "imbalance" and r.value > max(r.largest, least)]
    one = next((r for r in missing if r.part != EVERYTHING), missing[0] if missing else top[0])
    text = f"{name_of(one.part, one.kind)} {told(one.kind, one.value)}, at most {told(one.kind, one.largest)} in the others"
    if missing:
        text = f"large {text}, towards an azimuth of {ranking.events[i].missing[one.part]:.2f}"
    numbers = {"value": one.value, "usual": one.usual, "largest_of_others": one.largest}
    return Effect("none of these", text, numbers)
