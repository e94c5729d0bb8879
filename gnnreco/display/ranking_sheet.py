"""The sheet of a first look that ranks events: a table from the strangest on, what makes it so, and what may explain it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from gnnreco.files.json_types import JsonDict
from gnnreco.tasks.explore import FEWEST, Effect, Ranking, known_effect, reasons

MOST_ROWS = 300  # that say why


def ranking_rows(ranking: Ranking) -> list[JsonDict]:
    """A row for each event, the strangest first; the first 300 say what makes them so."""
    rows = []
    for place, i in enumerate(ranking.order.tolist()):
        why, effect = [], Effect("not looked at", "")
        if place < MOST_ROWS:
            why, effect = reasons(ranking, i), known_effect(ranking, i)
        rows.append(
            {
                "rank": place + 1,
                "event": ranking.events[i].number,
                "source": ranking.events[i].source,
                "p_value": float(ranking.p_value[i]),
                "score": float(ranking.score[i]),
                "listed": bool(ranking.found.chosen[i]),
                "known_effect": effect.name,
                "explanation": effect.text,
                "numbers": dict(effect.numbers),
                "reasons": [
                    {
                        "collection": r.part,
                        "number": r.kind,
                        "value": r.value,
                        "usual": r.usual,
                        "largest_of_others": r.largest,
                        "adds_to_score": r.excess,
                        "text": r.text,
                    }
                    for r in why
                ],
            }
        )
    return rows


def ranking_notes(ranking: Ranking) -> list[str]:
    """What the p-values mean, how small they can be, and what list can be made of them."""
    n, normal, found = len(ranking), len(ranking.normal_row), ranking.found
    smallest = f"no p-value can be below {ranking.smallest_p:.2g}"
    if ranking.normal_given:
        whom = (
            f"{n:,} event{'s are' if n > 1 else ' is'} judged by {normal:,} that count as normal: {smallest}"
        )
    else:
        whom = f"{n:,} events are ranked among one another, each judged by the others: {smallest}, however strange it is"
    notes = [whom]
    count, rate = int(found.chosen.sum()), 100 * found.rate
    if count:
        one = "1 event is" if count == 1 else f"{count:,} events are"
        notes.append(
            f"{one} listed as strange at a rate of false discoveries of {rate:.0f} % (Benjamini and Hochberg)"
        )
    elif ranking.smallest_p > found.rate / n:
        notes.append(
            f"no event alone can be listed at a rate of false discoveries of {rate:.0f} %: it would need p <= "
            f"{found.rate / n:.2g}, so {ranking.needed:,} normal events"
        )
    else:
        notes.append(f"no event is listed at a rate of false discoveries of {rate:.0f} %")
    if not ranking.normal_given and n < 4 * FEWEST:
        notes.append(f"what is usual is not well known from {n - 1} events")
    return notes


def ranking_sheet(ranking: Ranking, held: Sequence[int]) -> str:
    """The table as markup; `held` are the events that the page has, in the order of its scenes: they are linked."""
    lines = []
    for row in ranking_rows(ranking)[:MOST_ROWS]:
        i = int(ranking.order[row["rank"] - 1])
        mark = f' data-scene="{held.index(i)}" title="Show this event"' if i in held else ""
        why = "; ".join(reason["text"] for reason in row["reasons"]) or "–"
        effect = row["known_effect"]
        explained = "as the others" if effect == "ordinary" else f"{effect}: {row['explanation']}"
        listed = " *" if row["listed"] else ""
        cells = [("n", f"{row['rank']:,}"), ("n", str(row["event"])), ("n", f"{row['p_value']:.3g}{listed}")]
        cells += [("", why), ("", explained)]
        lines.append(
            f"<tr{mark}>"
            + "".join(f"<td{_class(kind)}>{html.escape(text)}</td>" for kind, text in cells)
            + "</tr>"
        )
    heads = [("n", "rank"), ("n", "event"), ("n", "p-value"), ("", "what makes it strange")]
    heads.append(("", "known effect"))
    head = "".join(f"<th{_class(kind)}>{text}</th>" for kind, text in heads)
    notes = ranking_notes(ranking)
    if ranking.found.chosen.any():
        notes[1] += " and marked *"
    if len(held) < len(ranking):
        notes.append(f"this page holds {len(held)} of the events: click on their rows")
    if len(ranking) > MOST_ROWS:
        notes.append(f"the table has the first {MOST_ROWS}")
    said = "".join(f'<p class="none">{html.escape(note[0].upper() + note[1:])}.</p>' for note in notes)
    return f"<h2>How strange the events are</h2>{said}<table><tr>{head}</tr>{''.join(lines)}</table>"


def _class(kind: str) -> str:
    return ' class="n"' if kind else ""
