"""Pages of docs/ that ask for files of the reader, or for hours: followed with files made here, and with smaller numbers.

The blocks are those that stand on the page; only what `Page.instead` names is exchanged.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.test_tutorials import ROOT, blocks, folder, follow

__all__ = ["folder"]  # a fixture

HOURS, GEANT4, JETS = "takes hours", "needs showers of Geant4", "needs files of 100,000 jets"
EVENT = "examples/events/acts-ttbar-pu20.parquet"
#: Enough events to calibrate with: fewer than 20 normal jets or events each for the head and for p-values are refused.
WHOLE = "gnnreco simulate --detector full_cld --process qq --ecm 380 --events 36 --seed 7 -o events"
FEW = "train.epochs=1 sample.events=4 sample.validation_events=2"


@dataclass(frozen=True)
class Page:
    """How a page is followed."""

    before: str = ""  # commands that make what the reader has
    instead: dict[str, str] = field(default_factory=dict)  # what the page says: what is taken for it
    left: dict[str, str] = field(default_factory=dict)  # how blocks begin that are not followed: why
    needs: tuple[str, ...] = ()  # packages or programs
    slow: bool = True


PAGES = {
    "explanation/anomaly": Page(
        before=WHOLE,
        instead={
            "--events 50": "--events 4",
            "--events 20": "--events 4",
            "sample.inputs=[events] sample.bundles": "sample.events=6 sample.validation_events=30 sample.inputs=[events] sample.bundles",
            "--bundle anomaly-jets -o out": "--bundle anomaly-jets -o found",
        },
        left={
            "gnnreco train anomaly task.level=jets task.jets.files": JETS,
            "from gnnreco.bundle import load_bundle": JETS,
            "gnnreco train anomaly detector=odd": HOURS,
        },
        needs=("fastjet",),
    ),
    "explanation/fastsim": Page(
        before="gnnreco simulate --detector hgcal --process gun --particle photon --energy 1 100 --eta 1.7 2.8 "
        "--events 20 -o full_simulation",
        instead={
            "--events 100 -o events": "--events 20 -o events",
            "--events 10 -o whole": "--events 1 -o whole",
            "--truth full_simulation": "--truth full_simulation --trainings 1",
            "-o events --engine my_fastsim": "-o mine_fast --engine my_fastsim",
            "python scripts/geant4_points.py SHOWERS.npz -o mine": "gnnreco detector new mine/detector --kind calorimeter\n"
            "gnnreco simulate --detector mine/detector --process beam --particle photon --energy 1 100 --events 12 -o mine/train\n"
            "gnnreco simulate --detector mine/detector --process beam --particle photon --energy 1 100 --events 4 --seed 1 -o mine/test",
            "sample.events=1000 sample.validation_events=100 train.epochs=40": "sample.events=12 sample.validation_events=4 train.epochs=1",
            " ... train.start=fastsim-any train.epochs=10": " 'sample.inputs=[mine/train]' 'sample.validation=[mine/test]' "
            "sample.events=12 sample.validation_events=4 train.start=fastsim-any train.epochs=1",
        },
        left={"for by in": GEANT4, "python scripts/fastsim_stacks.py": GEANT4},
    ),
    "explanation/firmware": Page(
        instead={
            "MY_JETS.parquet": "examples/jets/jets-small.parquet",
            "make demo-deploy": "# make demo-deploy",
        },
        needs=("yosys", "hls4ml"),
    ),
    "explanation/particle_flow": Page(
        instead={"--events 20": "--events 2", "--event 3": "--event 1"},
        left={"python scripts/peers/ild_pandora.py": "needs a file of ILD"},
        needs=("fastjet",),
    ),
    "explanation/unusual_events": Page(
        before="gnnreco simulate --detector telescope --process beam --count 20 --events 12 -o held_back",
        instead={"my_bundle": "tracking-telescope", "my_detector": "telescope"},
        slow=False,
    ),
    "how_to/onnx": Page(instead={"EVENTS": EVENT}, needs=("onnx", "onnxruntime"), slow=False),
    "how_to/reconstruct": Page(instead={"EVENTS": EVENT, "--event 1": "--event 20"}, slow=False),
    "performance/particle_flow": Page(
        instead={"--events 20": "--events 2", "--event 3": "--event 1"}, needs=("fastjet",)
    ),
    "performance/tracking_abroad": Page(
        before="gnnreco detector new my_detector --kind barrel",
        instead={
            "--pileup 20 --events 200": "--pileup 1 --events 6",
            "sample.randomize=true -o my_bundle": f"sample.randomize=true {FEW} -o my_bundle",
            "sample=robust graph=robust -o my_bundle": f"sample=robust graph=robust {FEW} -o my_other_bundle",
        },
        left={"gnnreco bundle adapt": HOURS},
    ),
    "reference/signals": Page(
        instead={"--events 20": "--events 1", "--events 500": "--events 2"},
        needs=("pythia8mc",),
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if page.slow else ()) for n, page in PAGES.items()]
)
def test_a_page_can_be_followed_in_small(name: str, folder: Path) -> None:
    page, path = PAGES[name], ROOT / "docs" / f"{name}.md"
    if missing := [what for what in page.needs if not (find_spec(what) or shutil.which(what))]:
        pytest.skip(f"needs {' and '.join(missing)}")
    follow(page.before)
    names: dict[str, object] = {}
    for language, text in blocks(path):
        if any(text.startswith(opening) for opening in page.left):
            continue
        for old, new in page.instead.items():
            text = text.replace(old, new)
        if not language:
            follow(text)
        elif language == "python":
            exec(compile(text, path.name, "exec"), names)  # noqa: S102 - a page of our own


@pytest.mark.parametrize("name", PAGES)
def test_what_is_exchanged_or_left_stands_on_the_page(name: str) -> None:
    page = ROOT / "docs" / f"{name}.md"
    assert all(old in page.read_text("utf-8") for old in PAGES[name].instead)
    begins = [text for _, text in blocks(page)]
    assert all(any(text.startswith(opening) for text in begins) for opening in PAGES[name].left)
