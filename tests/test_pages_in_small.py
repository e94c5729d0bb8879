"""Pages of docs/ that ask for files of the reader, or for hours: followed with files made here, and with smaller numbers.

The blocks are those that stand on the page; only what `Page.instead` names is exchanged.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.test_tutorials import ROOT, blocks, folder, follow, shell

__all__ = ["folder"]  # a fixture

EVENT = "examples/events/acts-ttbar-pu20.parquet"
JETS = "examples/jets/jets-small.parquet"
TOYS = "tests/scripts/toy_showers.py"  # in place of showers of Geant4
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
    kinds: tuple[str, ...] = ("", "python")  # languages of the blocks that are followed here
    slow: bool = True


PAGES = {
    "explanation/anomaly": Page(
        before=WHOLE
        + "\ngnnreco simulate --detector odd --process gun --particle pion --energy 1 10 --events 70 -o many",
        instead={
            "--events 50": "--events 4",
            "--events 20": "--events 4",
            "sample.inputs=[events] sample.events=400 sample.validation_events=400": "sample.inputs=[many] "
            "sample.events=20 sample.validation_events=50 train.epochs=1",
            "[jets] sample.events=90 sample.validation_events=10": f"[{JETS}] sample.events=1 sample.validation_events=1 train.epochs=1",
            'open_jets("jets")': f'open_jets("{JETS}")',
            "sample.inputs=[events] sample.bundles": "sample.events=6 sample.validation_events=30 sample.inputs=[events] sample.bundles",
            "--bundle anomaly-jets -o out": "--bundle anomaly-jets -o found",
        },
        needs=("fastjet",),
    ),
    "explanation/fastsim": Page(
        before="gnnreco simulate --detector hgcal --process gun --particle photon --energy 1 100 --eta 1.7 2.8 "
        "--events 20 -o full_simulation\n"
        f"python {TOYS} SHOWERS.npz --events 240\npython {TOYS} endcap.npz --stack hgcal --events 60\n"
        "python scripts/geant4_points.py endcap.npz -o endcap\n"
        "gnnreco simulate --detector calochallenge_ds2 --process beam --particle electron --energy 1 100 --events 2 "
        "-o voxels --format calochallenge beam_width=0.01 beam_divergence=0",
        instead={
            "--events 100 -o events --engine fastsim": "--events 20 -o events --engine fastsim",
            "--events 10 -o whole": "--events 1 -o whole",
            "evaluate events --truth full_simulation": "evaluate events --truth full_simulation --trainings 1",
            "for by in cascade,20,0.003 flow,12,0.003 gan,7,0.001": "for by in cascade,1,0.003 flow,1,0.003 gan,1,0.001",
            "GEANT4_SHOWERS.py -o bench": f"{ROOT / TOYS} -o bench --events 120 --trainings 1",
            "--data GEANT4_EVENTS --detector D": "--data full_simulation --detector hgcal",
            "sample.events=1000 sample.validation_events=100 train.epochs=40": "sample.events=2 sample.validation_events=1 train.epochs=1",
            "... train.start=fastsim-any train.epochs=10": "'sample.inputs=[mine/train]' 'sample.validation=[mine/test]' "
            "sample.events=2 sample.validation_events=1 train.start=fastsim-any train.epochs=1",
            "1 100 --events 100 -o events --engine my_fastsim": "5 10 --events 160 -o mine_fast --engine my_fastsim",
            "generated --truth geant4 --detector D": "mine_fast --truth mine/train --detector mine/detector --trainings 1",
            "generated --truth others --detector D": "mine_fast --truth mine/train --detector mine/detector --trainings 1",
            "dataset_2_1.hdf5 --detector calochallenge_ds2 -o events": "voxels --detector calochallenge_ds2 -o challenge",
            "convert events --detector calochallenge_ds2": "convert challenge --detector calochallenge_ds2",
            "--events 1000 -o showers": "--events 2 -o showers",
        },
        left={
            "python scripts/fastsim_stacks.py": "needs pions of Geant4: the script that compares them takes no others"
        },
        kinds=("", "python", "bash"),
    ),
    "explanation/firmware": Page(
        instead={
            "MY_JETS.parquet": JETS,
            "make demo-deploy": "# make demo-deploy",
        },
        needs=("yosys", "hls4ml"),
    ),
    "explanation/online": Page(
        before="gnnreco simulate --detector full_cld --process qq --ecm 380 --events 6 --seed 900 -o events",
        instead={
            "--target rtl -o firmware": "--target rtl --synthesis-s 0 -o firmware",
            "EVENTS [--found FOLDER]": "events",
            "EVENTS": "events",
        },
        needs=("alkaid", "verilator", "fastjet"),
    ),
    "explanation/particle_flow": Page(
        instead={"--events 20": "--events 2", "--event 3": "--event 1"},
        left={
            "python scripts/peers/ild_pandora.py": "needs 50 events of ILD; tests/peers/test_ild_flow.py tries its steps with two"
        },
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
            "sample=robust graph=robust -o": f"sample=robust graph=robust {FEW} -o",
            "--events 24": "--events 4 --epochs 0",
            "bench_adapted.py --detector epic_tracker": "bench_adapted.py --detector epic_tracker --sample sparse --adapt-events 4 --scale 0.02",
        },
    ),
    "reference/signals": Page(
        instead={"--events 20": "--events 1", "--events 500": "--events 2"},
        needs=("pythia8mc",),
    ),
    # What these tutorials show only, since it asks for a farm, for many jets, for many events.
    "tutorials/anomalies": Page(
        before="gnnreco simulate --detector telescope --process beam --count 4 --events 70 -o my_events",
        instead={
            "detector=D": "detector=telescope train.epochs=1",
            "sample.events=400 sample.validation_events=400": "sample.events=20 sample.validation_events=50",
        },
        kinds=("bash",),
    ),
    "tutorials/farm": Page(
        before="gnnreco simulate --detector telescope --process beam --count 6 --events 40 -o events",
        instead={
            "#SBATCH": "SLURM_ARRAY_TASK_ID=1 #",
            "/path/to/gnnreco/.venv/bin/activate": "/dev/null",
            "/data/run7": "events",
            "--detector trackml --bundle tracking-trackml": "--detector telescope --bundle tracking-telescope",
            "/results/run7": "out",
            "$SLURM_ARRAY_TASK_ID/100": "$SLURM_ARRAY_TASK_ID/2",
            "gnnreco warm\nchmod": "gnnreco warm --detector telescope\nchmod",
            "/opt/gnnreco/kernels": "kernels",
        },
        kinds=("bash",),
    ),
    "tutorials/firmware": Page(
        instead={"[my_jets]'": f"[{JETS}]' sample.events=1 sample.validation_events=1 train.epochs=1"},
        kinds=("bash",),
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
        if language not in page.kinds or any(text.startswith(opening) for opening in page.left):
            continue
        for old, new in page.instead.items():
            text = text.replace(old, new)
        if not language:
            follow(text)
        elif language == "bash":
            shell(text)
        elif language == "python":
            exec(compile(text, path.name, "exec"), names)  # noqa: S102 - a page of our own


@pytest.mark.parametrize("name", PAGES)
def test_what_is_exchanged_or_left_stands_on_the_page(name: str) -> None:
    page = ROOT / "docs" / f"{name}.md"
    assert all(old in page.read_text("utf-8") for old in PAGES[name].instead)
    begins = [text for _, text in blocks(page)]
    assert all(any(text.startswith(opening) for text in begins) for opening in PAGES[name].left)
