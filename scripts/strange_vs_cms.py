"""Compare the noisy cells that `gnnreco explore` names in CMS event-display archives with CMS's missing momentum.

    python scripts/strange_vs_cms.py ARCHIVE.ig [--normal ARCHIVE.ig] [--json FILE]

An archive holds the hits as they were, but CMS's missing transverse momentum (PFMETs) after its own cleaning and corrections.
Where the calorimeters miss at least 100 GeV and three times what CMS reports, CMS does not confirm it: noise that it took out,
mostly, or muons and jets that calorimeters alone do not balance. For each event: its rank and p-value, both momenta, and the
known effect that `gnnreco explore` names, which knows the hits alone. The last line counts how often the two agree.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gnnreco.cli.table import show
from gnnreco.columns import Floats
from gnnreco.events import open_events
from gnnreco.events.readers.bounded import members
from gnnreco.events.readers.display.ispy import column, read_event
from gnnreco.tasks.explore import EVERYTHING, known_effect, measure, rank

LEAST, TIMES = 100.0, 3.0  # GeV, and times CMS's missing transverse momentum


def cms_missing(file: Path) -> Floats:
    """Missing transverse momentum (n,) of each event as CMS found it, GeV."""
    found = []
    for name in members(file):
        if name.startswith("Events/"):
            content = read_event(file, name)
            names = [str(c) for c, _ in content["Types"]["PFMETs_V1"]]
            found.append(column(file, name, names, content["Collections"]["PFMETs_V1"], "pt")[0, 0])
    return np.array(found)


def main() -> None:
    """Print one row an event, and how often both agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--normal", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    events, normal = (
        [] if file is None else [measure(event) for event in open_events(file, None)]
        for file in (args.archive, args.normal)
    )
    ranking, theirs = rank(events, normal), cms_missing(args.archive)
    ours = ranking.value[:, ranking.columns.index((EVERYTHING, "imbalance"))]
    denied = (ours > LEAST) & (ours > TIMES * theirs)
    named = [known_effect(ranking, i).name for i in range(len(events))]
    rows = [
        {
            "rank": place + 1,
            "event": str(events[i].number),
            "p_value": float(ranking.p_value[i]),
            "calorimeters_gev": float(ours[i]),
            "cms_gev": float(theirs[i]),
            "not_confirmed": bool(denied[i]),
            "known_effect": named[i],
        }
        for place, i in enumerate(ranking.order.tolist())
    ]
    show(rows, args.json)
    cell = np.array([name == "noisy cell" for name in named])
    print(
        f"noisy cell: {(cell & denied).sum()} of {denied.sum()} events whose missing momentum CMS does not confirm, "
        f"{(cell & ~denied).sum()} of the other {(~denied).sum()}"
    )


if __name__ == "__main__":
    main()
