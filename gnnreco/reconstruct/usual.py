"""Whether the events of a job are like those that calibrated its bundle: what the manifest holds of it, and the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnnreco.bundle import Bundle
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.models.calibration import Usual
from gnnreco.schema import build, plain

PAGE = "docs/explanation/unusual_events.md"


def usual_of(bundle: Bundle, counts: dict[str, int]) -> JsonDict:
    """What the manifest tells under ``usual``; empty for a bundle that does not know what is usual.

    Parameters
    ----------
    bundle : Bundle
    counts : dict
        Summed over all events; those that are only made for this comparison are taken out of it.
    """
    if bundle.config.get("usual") is None:
        return {}
    usual = build(Usual, bundle.config["usual"], "usual")
    return _compared(usual, {name: counts.pop(name) for name in usual.only(counts)})


def usual_again(parts: Sequence[JsonMapping]) -> JsonDict:
    """The same for several parts of a job, from their manifests."""
    told = [part["usual"] for part in parts if "usual" in part]
    if not told:
        return {}
    names = dict.fromkeys(name for one in told for name in one["counts"])
    counts = {name: sum(one["counts"].get(name, 0) for one in told) for name in names}
    return _compared(build(Usual, {"ratios": told[0]["ratios"]}, "usual", others=True), counts)


def notes_of_usual(manifest: JsonMapping) -> list[str]:
    """One line where events are not like those of the calibration; no fault of the run."""
    told = manifest.get("usual")
    if told is None or not any(ratio["unusual"] for ratio in told["ratios"]):
        return []
    usual = build(Usual, {"ratios": told["ratios"]}, "usual", others=True)
    differences = ", ".join(ratio.said(told["counts"]) for ratio in usual.left_by(told["counts"]))
    return [
        f"these events are not like those that calibrated {manifest['bundle']['name']}: {differences}: results may be worse "
        f"than the bundle's figures; see {PAGE}"
    ]


def _compared(usual: Usual, counts: Mapping[str, int]) -> JsonDict:
    left = usual.left_by(counts)
    ratios = [{**plain(ratio), "value": ratio.of(counts), "unusual": ratio in left} for ratio in usual.ratios]
    return {"usual": {"counts": dict(counts), "ratios": ratios}}
