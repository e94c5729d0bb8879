"""Triggers: buffers of jets, training, what a bundle keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event, Hits, Jets, Particles, Truth
from gnnreco.deploy.program.lower import lower
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.parquet.jets import write_jets
from gnnreco.tasks.trigger.inputs import jet_particles
from gnnreco.train.settings import compose, run_training

CLASSES = ("q", "g", "W", "Z", "t")


def some_jets(n: int, seed: int = 0) -> Jets:
    """Jets whose constituents spread with their class."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 5, n)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 12, n))])
    m, own = offsets[-1], np.repeat(label, np.diff(offsets))
    pt = rng.exponential(50.0 * (1 + own))
    order = np.lexsort((-pt, np.repeat(np.arange(n), np.diff(offsets))))
    eta, phi = rng.normal(0, 0.05 + 0.05 * own, (2, m))
    features = rng.normal(label[:, None] * np.linspace(-0.4, 0.4, 16), 1.0, (n, 16))
    whole = [np.full(n, v) for v in (1000.0, 0.0, 0.0, 80.0)]
    return Jets(
        offsets, pt[order], eta, phi, features, tuple(f"f{i}" for i in range(16)), label, CLASSES, *whole
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jets") / "jets.parquet"
    write_jets(path, [some_jets(1000, seed) for seed in range(3)], {"made by": "this test"})
    return path


@pytest.mark.parametrize(
    ("words", "enough"),
    [
        ((), 0.4),
        (("model=jet_particles", "task.input.source=jet_particles", "task.input.features=3"), 0.35),
    ],
)
def test_a_trigger_learns_and_its_program_says_the_same(file: Path, tmp_path: Path, words, enough) -> None:
    settings = compose(
        "trigger",
        [
            *words,
            f"sample.inputs=[{file}]",
            "sample.validation_events=1",
            "train.epochs=25",
            "train.learning_rate=0.01",
            "task.resource=1e-6",
            "train.threads=1",
        ],
    )
    run_training(settings, tmp_path / "b")
    bundle = load_bundle(tmp_path / "b")
    task = load_task(bundle, None)
    kept = task.examples
    assert len(kept.x) == 1000
    assert bundle.manifest["metrics"]["validation_accuracy"] > enough
    answers = task.answers(kept)
    assert (answers.argmax(axis=1) == kept.label).mean() > enough
    program = lower(task.network)
    got = program.answer(program.ported(kept.x.astype(float)), kept.valid if kept.valid.size else None)
    assert np.array_equal(got.reshape(answers.shape), answers)
    assert bundle.manifest["detector"]["name"] == "any"


def test_blocks_of_jets_are_kept_apart_in_a_cache(file: Path, tmp_path: Path) -> None:
    words = [f"sample.inputs=[{file}]", "sample.validation_events=1", "train.epochs=1", "train.threads=1"]
    cached = [*words, f"train.cache={tmp_path / 'cache'}"]
    rows = [
        run_training(compose("trigger", each), tmp_path / str(i)) for i, each in enumerate((words, cached))
    ]
    assert len(list((tmp_path / "cache").glob("*"))) == 3
    assert rows[0]["training_loss"] == rows[1]["training_loss"]


def test_a_teacher_is_heard(file: Path, tmp_path: Path) -> None:
    words = [f"sample.inputs=[{file}]", "sample.validation_events=1", "train.epochs=3", "train.threads=1"]
    run_training(compose("trigger", words), tmp_path / "big")
    small = [*words, "model.head_layers=[8]"]
    taught = compose("trigger", [*small, f"task.teacher={tmp_path / 'big'}"])
    losses = [
        run_training(s, tmp_path / str(i))["training_loss"]
        for i, s in enumerate((compose("trigger", small), taught))
    ]
    assert losses[0] != losses[1]
    teacher, pupil = load_bundle(tmp_path / "big"), load_bundle(tmp_path / "1")
    assert pupil.config["teacher"] == "", "what taught it need not be there any more"
    assert pupil.manifest["training"]["teacher"] == {
        "bundle": "big",
        "sha256": teacher.manifest["sha256"],
        "config": teacher.config,
    }
    assert str(tmp_path) not in str(pupil.manifest)


def test_softer_constituents_are_dropped_and_counted() -> None:
    jets = some_jets(50)
    count = np.diff(jets.offsets)
    filled = jet_particles(jets, 4)
    assert filled.dropped == np.maximum(count - 4, 0).sum() > 0
    assert np.array_equal(filled.valid.sum(axis=1), np.minimum(count, 4))
    assert (np.diff(filled.x[:, :, 0], axis=1) <= 0).all(), "not the hardest"
    assert not filled.x[filled.valid == 0].any()


def test_no_jets_are_no_buffers() -> None:
    none = jet_particles(replace(some_jets(1), offsets=np.zeros(1, np.int64), label=np.zeros(0, np.int64)), 8)
    assert none.x.shape == (0, 8, 3)


def test_an_event_of_hits_has_no_jets() -> None:
    task = load_task_of_jets()
    empty = np.zeros(0)
    hits = Hits(np.zeros(0, np.int64), empty, empty, empty, np.zeros(0, np.int32))
    with pytest.raises(BadInput, match=r"event 7.*holds no jets"):
        task.buffers(
            Event(
                7,
                "file",
                hits,
                Truth(
                    Particles(np.zeros(0, np.int64), np.zeros(0, np.int32), *[empty] * 7),
                    *[np.zeros(0, np.int64)] * 2,
                ),
            )
        )


def test_a_trigger_reconstructs_nothing() -> None:
    with pytest.raises(BadConfig, match="deploy"):
        load_task_of_jets().reconstruct(None)


def load_task_of_jets():
    """A task that has learned nothing."""
    from gnnreco.tasks.registry import TASKS

    kind, config = TASKS["trigger"].load()
    return kind.from_config(config(), None)
