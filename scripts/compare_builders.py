"""Windows against a learned embedding: both learn from the same events and find pairs in the same others.

    python scripts/compare_builders.py --detector trackml --train ACTS_FOLDER --test ACTS_FOLDER --learn 8 --events 2

Prints, for each, the fraction of the target segments among its pairs (in the right direction, and either way), the pairs
of an event, and the CPU seconds to learn and to find them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.graphs import Frame, Targets, is_true, points_of, true_segments
from gnnreco.graphs.tracking.embedding import Embedding
from gnnreco.graphs.tracking.learn_embedding import learn_embedding
from gnnreco.graphs.tracking.learn_windows import learn_windows
from gnnreco.graphs.tracking.windows import Windows

Samples = list[tuple[Any, Any]]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--train", type=Path, required=True, help="events to learn from")
    parser.add_argument("--test", type=Path, required=True, help="events to find pairs in")
    parser.add_argument("--learn", type=int, default=8, help="how many to learn from")
    parser.add_argument("--events", type=int, default=2, help="how many to find pairs in")
    parser.add_argument("--efficiency", type=float, default=0.996)
    parser.add_argument("--steps", type=int, default=3000, help="of the embedding's training")
    parser.add_argument("--budget", type=int, default=200_000_000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    detector = load_detector(args.detector)
    frame = Frame.of(detector)

    def samples(folder: Path, n: int) -> Samples:
        source, out = open_events(folder, detector), []
        for i in range(min(n, len(source))):
            points = points_of(source[i].hits, detector, frame)
            out.append((points, true_segments(source[i], points, Targets(), frame)))
        return out

    train, test = samples(args.train, args.learn), samples(args.test, args.events)
    builders: dict[str, Callable[[], Windows | Embedding]] = {
        "windows": lambda: learn_windows(train, frame, args.efficiency),
        "embedding": lambda: learn_embedding(
            train, frame, args.efficiency, steps=args.steps, progress=progress
        ),
    }
    result = {name: compared(learn, test, frame, args.budget) for name, learn in builders.items()}
    for name, row in result.items():
        print(f"{name:10}", "  ".join(f"{key} {value:,.4g}" for key, value in row.items()))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2))


def compared(
    learn: Callable[[], Windows | Embedding], test: Samples, frame: Frame, budget: int
) -> dict[str, float]:
    """Figures of one builder."""
    started = time.process_time()
    builder = learn()
    learned = time.process_time() - started
    builder.pairs(*test[0][:1], frame, budget)  # compiles
    segments = forward = either = found = 0
    seconds = 0.0
    for points, true in test:
        started = time.process_time()
        pairs, needed = builder.pairs(points, frame, budget)
        seconds += time.process_time() - started
        if needed > budget:
            sys.exit(f"{needed:,} pairs, over the budget of {budget:,}")
        right = int(is_true(pairs, true).sum())
        forward += right
        either += right + int(is_true(np.ascontiguousarray(pairs[:, ::-1]), true).sum())
        segments, found = segments + len(true), found + len(pairs)
    n = len(test)
    return {
        "efficiency": forward / segments,
        "either_way": either / segments,
        "pairs_per_event": found / n,
        "segments_per_event": segments / n,
        "cpu_seconds_per_event": seconds / n,
        "cpu_seconds_to_learn": learned,
    }


def progress(what: str, step: int, steps: int) -> None:
    """One line that overwrites itself, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{what} {step}/{steps}", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
