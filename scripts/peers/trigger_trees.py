"""Boosted trees on the 16 features of jets, through conifer: a peer of the jet tagger.

    python scripts/peers/trigger_trees.py --train /tmp/jets/train --test /tmp/jets/test --json trees.json

Needs scikit-learn and conifer 1.11 with its C++ library (``nlohmann-json3-dev``, and ``ap_types``: hls4ml's are used). Trees of
scikit-learn are fitted in float, then every threshold and score is rounded to fixed point by conifer, whose C++ backend computes
what its firmware does. LUTs: each node is one comparison (about a LUT for two bits of the threshold's width) and the scores of
each class are added by a tree of adders (a LUT a bit): an estimate of ours, as conifer gives none without the vendor's tools.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from trigger_jets import splits

FORMATS = ((10, 4), (12, 5), (16, 6))  # width, integer bits
SHAPES = ((10, 3), (20, 3), (30, 4), (100, 4))  # trees of each class, depth


def main() -> None:
    asked = arguments()
    import conifer
    import hls4ml
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

    # conifer's C++ backend finds the fixed-point types by this variable.
    types = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
    os.environ.setdefault("XILINX_AP_INCLUDE", str(types))
    os.environ.setdefault("JSON_ROOT", "/usr")
    parts = splits(asked.train, asked.test)
    train, test = parts["train"], parts["test"]
    best = HistGradientBoostingClassifier(max_iter=300, early_stopping=True, random_state=0)
    start = time.perf_counter()
    best.fit(train.x, train.y)
    result = {
        "jets": {name: len(part.y) for name, part in parts.items()},
        "unlimited": {
            "accuracy": float(best.score(test.x, test.y)),
            "iterations": int(best.n_iter_),
            "seconds": time.perf_counter() - start,
        },
        "front": [],
    }
    print("no limit:", result["unlimited"], flush=True)
    few = np.random.default_rng(0).permutation(len(train.y))[: asked.fit]
    for trees, depth in SHAPES:
        if trees > asked.most:
            continue
        model = GradientBoostingClassifier(
            n_estimators=trees, max_depth=depth, learning_rate=0.3, random_state=0
        )
        model.fit(train.x[few], train.y[few])
        nodes = sum(int((tree.tree_.feature >= 0).sum()) for tree in model.estimators_.ravel())
        for width, integer in FORMATS:
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                config = conifer.backends.cpp.auto_config()
                config |= {"OutputDir": folder, "Precision": f"ap_fixed<{width},{integer}>"}
                firmware = conifer.converters.convert_from_sklearn(model, config)
                firmware.compile()
                scores = np.asarray(firmware.decision_function(test.x))
            row = {
                "trees": trees,
                "depth": depth,
                "width": width,
                "nodes": nodes,
                "accuracy_float": float(model.score(test.x, test.y)),
                "accuracy": float((scores.argmax(axis=1) == test.y).mean()),
                "luts_estimate": luts(nodes, trees, 5, width),
            }
            result["front"].append(row)
            print(row, flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


def luts(nodes: int, trees: int, classes: int, width: int) -> int:
    """About how many 6-input LUTs: comparisons with constants, choices between leaves, sums of scores."""
    compare = nodes * math.ceil(width / 5)
    choose = nodes * math.ceil(width / 2)
    add = classes * (trees - 1) * width
    return compare + choose + add


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--fit", type=int, default=30_000, help="jets that the small forests are fitted to")
    parser.add_argument("--most", type=int, default=30, help="trees of each class, at most")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
