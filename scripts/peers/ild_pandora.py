"""Pandora's particle flow on full simulation of ILD and ours on its tracks and clusters, by the rules of `dst_figures.py`.

    python scripts/peers/ild_pandora.py FILE.slcio [--bundle BUNDLE] [--json FILE]

With a bundle of particle flow, all figures are those of the second half of the events: Pandora's; ours as it was trained, on
another detector (zero-shot); ours tuned on the first half; and what these two have more than Pandora. `ild_elements.py` says what
our network reads, `ild_flow.py` what it learns from, and why that favours Pandora.

FILE is a DST of iLCSoft/LCIO with tracks, clusters, Pandora's particles and truth links, such as
``examples/cpp/rootDict/DST01-06_ppr004_bbcsdu.slcio`` (50 e+e- events at 500 GeV, 3.5 T, BSD-3). The file links each of
Pandora's particles to one true particle at most; 68 % intervals come from drawing its events again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from dst_figures import COSINE, MIN_ENERGY, Sample, figures

from gnnreco.cli.table import table
from gnnreco.columns import Clusters, ReconstructedParticles, Tracks
from gnnreco.events.readers.lcio import DstEvent, read_dst


def pandora(events: list[DstEvent]) -> list[Sample]:
    """What Pandora found."""
    return [Sample(e, e.event.found[ReconstructedParticles], e.particles_to_truth) for e in events]


def shown(told: dict[str, float] | None) -> str:
    """A figure and its interval in per cent."""
    if told is None:
        return "-"
    value, low, high = (100 * told[name] for name in ("value", "low", "high"))
    return f"{value:.1f} (-{value - low:.1f} +{high - value:.1f}) %"


def ours(events: list[DstEvent], held_out: list[DstEvent], bundle: str, seed: int) -> dict[str, list[Sample]]:
    """What our network finds in the events held out, before and after it was tuned on the others."""
    from ild_flow import flow, tuned

    from gnnreco.bundle import load_bundle, load_task
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.particleflow import ParticleFlowTask

    # Its field and its size are not used, only that a task has a detector.
    task = load_task(load_bundle(bundle), load_detector("full_cld"), any_detector=True)
    if not isinstance(task, ParticleFlowTask):
        raise SystemExit(f"{bundle}: a bundle of {task.name}; give one of particleflow")
    return {
        "ours, zero-shot": flow(task, held_out),
        "ours, tuned": flow(tuned(task, events, seed=seed), held_out),
    }


def rows_of(name: str, told: dict[str, Any]) -> list[dict[str, str]]:
    """Figures of one reconstruction as rows of a table."""
    rows = [
        {
            "who": name,
            "what": f"{kind.replace('_', ' ')}s ({entry['true']} true, {entry['found']} found)",
            "efficiency": shown(entry["efficiency"]),
            "fakes": shown(entry["fake_rate"]),
        }
        for kind, entry in told["classes"].items()
    ]
    energy = {key: shown(value) for key, value in told["visible_energy"].items()}
    what = f"visible energy: median {energy['median']}"
    spread = f"IQR {energy['iqr_over_median']}", f"RMS90 {energy['rms90_over_mean']}"
    return [*rows, {"who": name, "what": what, "efficiency": spread[0], "fakes": spread[1]}]


def main() -> None:
    """Read the file, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--bundle", help="of particle flow: a folder, or the name of one that ships")
    parser.add_argument("--seed", type=int, default=0, help="of the order of events in tuning")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    events = list(read_dst(args.file))
    half = len(events) // 2 if args.bundle else 0
    samples = {"pandora": pandora(events[half:])}
    if args.bundle:
        samples |= ours(events[:half], events[half:], args.bundle, args.seed)
    told = {name: figures(found) for name, found in samples.items()}
    for name in list(told)[1:]:
        told[f"{name} - pandora"] = figures(samples[name], samples["pandora"])
    counts = {
        kind.__name__: sum(len(e.event.found[kind]) for e in events)
        for kind in (Tracks, Clusters, ReconstructedParticles)
    }
    print(
        f"{len(events)} events, figures of the last {len(events) - half}: "
        + ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    print(f"energy above {MIN_ENERGY} GeV, |cos theta| below {COSINE}, 68 % intervals")
    print(table([row for name, figure in told.items() for row in rows_of(name, figure)]))
    if args.json:
        definitions = {"min_energy_gev": MIN_ENERGY, "max_abs_cos_theta": COSINE, "counts": counts}
        args.json.write_text(json.dumps({"definitions": definitions, **told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
