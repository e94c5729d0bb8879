"""gnnreco.trackml beside the challenge's own library on the event that ships: differences and times of both.

    git clone https://github.com/LAL/trackml-library FOLDER
    python scripts/trackml_vs_library.py FOLDER [--write tests/golden/trackml_library.json]

The library's weights need pandas 2. `--write` keeps numbers of the library for the tests.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gnnreco import trackml

EVENT = Path(__file__).parents[1] / "examples" / "events" / "event000000001"
#: Rows of a table of hits that are kept for the tests.
KEPT = slice(None, None, 500)
SEED, COPIES = 1, 20


def timed(function: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    return function(*args), time.perf_counter() - start


def larger(table: pd.DataFrame) -> pd.DataFrame:
    """The same event many times as one, of the size of an event of the challenge."""
    ids = [name for name in ("hit_id", "particle_id", "track_id") if name in table]
    step = pd.Series({name: table[name].max() + 1 for name in ids})
    return pd.concat([table.assign(**(table[ids] + i * step)) for i in range(COPIES)], ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", type=Path, help="a clone of LAL/trackml-library")
    parser.add_argument("--write", type=Path, help="keep numbers of the library in this file")
    args = parser.parse_args()
    sys.path.insert(0, str(args.library))
    theirs = {name: importlib.import_module(f"trackml.{name}") for name in trackml.__all__}

    hits, cells, particles, truth = trackml.dataset.load_event(EVENT)
    for ours, other in zip((hits, cells, particles, truth), theirs["dataset"].load_event(EVENT), strict=True):
        pd.testing.assert_frame_equal(ours, other)
    # the library sums in the precision of the weights; in double precision both give the same
    truth = truth.astype({"weight": np.float64})
    kept: dict[str, Any] = {"pandas": pd.__version__, "seed": SEED, "submissions": {}, "weights": {}}

    made = {"random_solution": (hits, 50), "drop_hits": (truth, 0.3), "shuffle_hits": (truth, 0.2)}
    for name, given in made.items():
        for module in (trackml.randomize, theirs["randomize"]):
            module.set_seed(SEED)
            submission = getattr(module, name)(*given)
            score = module is theirs["randomize"] and theirs["score"].score_event(truth, submission)
        assert abs(trackml.score.score_event(truth, submission) - score) < 1e-12
        tracks = theirs["score"]._analyze_tracks(truth, submission)
        pd.testing.assert_frame_equal(
            trackml.score._analyze_tracks(truth, submission), tracks, check_dtype=False
        )
        kept["submissions"][name] = {
            "arguments": given[1],
            "track_id": submission["track_id"][KEPT].tolist(),
            "score": float(score),
            "tracks": {column: tracks[column].iloc[:5].tolist() for column in tracks},
        }
    many = larger(truth), larger(submission)
    for what, module in (("the library", theirs["score"]), ("gnnreco", trackml.score)):
        print(f"score_event, {len(many[0]):,} hits: {what} {timed(module.score_event, *many)[1]:.3f} s")

    for name in ("weight_hits_phase1", "weight_hits_phase2"):
        weighed, seconds = timed(getattr(theirs["weights"], name), truth, particles)
        ours, our_seconds = timed(getattr(trackml.weights, name), truth, particles)
        pd.testing.assert_frame_equal(ours, weighed)
        print(f"{name}, {len(truth):,} hits: the library {seconds:.3f} s, gnnreco {our_seconds:.3f} s")
        columns = {
            column: weighed[column][KEPT] for column in ("ihit", "particle_nhits", "weight_order", "weight")
        }
        kept["weights"][name] = {"columns": list(weighed)} | {k: v.tolist() for k, v in columns.items()}
    print("tables, submissions, scores, tracks and weights of both are equal")
    if args.write:
        args.write.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
