"""Triggers for anomalies: trained without labels, a threshold for a rate, and what passes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Jets
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.proof.rate import measure
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.events.parquet.jets import write_jets
from gnnreco.tasks.trigger.anomaly import AnomalyConfig, threshold_of, with_mixed
from gnnreco.tasks.trigger.samples import TriggerSample
from gnnreco.train.settings import compose, run_training

FEATURES = 6
CLASSES = ("normal", "far", "odd")


def rows(n: int, seed: int, label: int = 0) -> Jets:
    """Rows of six numbers in a plane; `far` ones lie farther out in it, `odd` ones beside it."""
    rng = np.random.default_rng([seed, label])
    x = rng.normal(size=(n, 2)) @ np.random.default_rng(1).normal(size=(2, FEATURES))
    x = x * (5 if label == 1 else 1) + (0.1 if label < 2 else 2.0) * rng.normal(size=x.shape)
    empty, whole = np.zeros(0), [np.zeros(n)] * 4
    names = tuple(f"f{i}" for i in range(FEATURES))
    return Jets(np.zeros(n + 1, np.int64), *[empty] * 3, x, names, np.full(n, label), CLASSES, *whole)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("rows")
    made = {
        "normal": [rows(500, seed) for seed in range(4)],
        "unlabelled": [replace(rows(500, seed), label=np.full(500, -1)) for seed in range(4)],
        "test": [rows(1000, seed) for seed in (7, 8)],
        "far": [rows(300, 9, 1)],
        "odd": [rows(300, 9, 2)],
        "both": [rows(300, 9, 1), rows(300, 9, 2)],
    }
    for name, blocks in made.items():
        write_jets(folder / f"{name}.parquet", blocks, {"made by": "this test"})
    return {name: folder / f"{name}.parquet" for name in made}


def words(file: Path, *more: str) -> list[str]:
    """The settings of a small training."""
    return [
        "model=anomaly",
        f"sample.inputs=[{file}]",
        "sample.validation_events=2",
        f"task.input.features={FEATURES}",
        f"model.outputs={FEATURES}",
        "model.head_layers=[8,2,8]",
        "task.anomaly.rate=0.01",
        "task.resource=1e-6",
        "train.epochs=25",
        "train.learning_rate=0.02",
        "train.threads=1",
        *more,
    ]


@pytest.fixture(scope="module")
def autoencoder(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "autoencoder"
    run_training(compose("trigger", words(files["normal"])), folder)
    return folder


def found(bundle: Path, files: dict[str, Path], *strange: str) -> dict[str, dict]:
    """Rows of `measure` by name."""
    table = measure(load_bundle(bundle), [str(files["test"])], [str(files[s]) for s in strange])
    return {row["what"]: row for row in table}


def test_an_autoencoder_finds_what_it_has_not_seen(autoencoder: Path, files: dict[str, Path]) -> None:
    table = found(autoencoder, files, "both")
    assert list(table) == ["normal", "far", "odd"]
    assert table["odd"]["auc"] > 0.9
    assert table["odd"]["fraction"] > 0.5
    assert table["normal"]["fraction"] < 0.03
    metrics = load_bundle(autoencoder).manifest["metrics"]
    assert metrics["rate_of"] == 1000
    assert metrics["rate_low"] < metrics["rate"] < metrics["rate_high"] < 0.03
    task = load_task(load_bundle(autoencoder), None)
    assert float(task.network.score.threshold) == metrics["threshold"]


def test_its_program_says_the_same(autoencoder: Path) -> None:
    task = load_task(load_bundle(autoencoder), None)
    program, x = lower(task.network), np.asarray(task.examples.x, np.float64)
    assert np.array_equal(program.answer(program.ported(x)), task.answers(task.examples))
    assert set(task.examples.label) == {-1}


def test_no_label_is_read(autoencoder: Path, files: dict[str, Path], tmp_path: Path) -> None:
    run_training(compose("trigger", words(files["unlabelled"])), tmp_path / "b")
    one, other = (load_bundle(folder).state for folder in (autoencoder, tmp_path / "b"))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_files_all_normal_and_all_strange(autoencoder: Path, files: dict[str, Path]) -> None:
    same = found(autoencoder, files, "normal")["normal"]  # the last row of that name: the strange file
    assert abs(same["auc"] - 0.5) < 0.03
    table = measure(load_bundle(autoencoder), [str(files["odd"])], [str(files["odd"])])
    assert table[0]["fraction"] == table[1]["fraction"] > 0.5
    assert table[1]["auc"] == 0.5
    assert "auc" not in measure(load_bundle(autoencoder), [str(files["unlabelled"])])[0]


def test_a_variational_encoder_and_a_pupil(autoencoder: Path, files: dict[str, Path], tmp_path: Path) -> None:
    encoder = words(files["normal"], "model.score=squares", "model.outputs=2", "model.head_layers=[8]")
    run_training(compose("trigger", [*encoder, "model.decoder_layers=[8]"]), tmp_path / "encoder")
    # The means of latent numbers say how far out an event lies, not whether the decoder could give it.
    assert found(tmp_path / "encoder", files, "far")["far"]["auc"] > 0.75
    pupil = words(files["normal"], "model.score=answer", "model.outputs=1", "model.head_layers=[8,8]")
    run_training(compose("trigger", [*pupil, f"task.teacher='{autoencoder}'"]), tmp_path / "pupil")
    assert found(tmp_path / "pupil", files, "odd")["odd"]["auc"] > 0.8
    assert load_bundle(tmp_path / "pupil").config["teacher"] == ""


def test_a_pupil_needs_a_teacher_with_a_score(files: dict[str, Path], tmp_path: Path) -> None:
    pupil = words(files["normal"], "model.score=answer", "model.outputs=1", "model.head_layers=[8]")
    with pytest.raises(BadConfig, match=r"task\.teacher="):
        run_training(compose("trigger", pupil), tmp_path / "pupil")
    with pytest.raises(BadConfig, match=r"task\.teacher: a model with score=squares"):
        load_task_of(model="squares", teacher="somebody")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["model.outputs=3"], "as many outputs as features"),
        (["model.kind=nodes"], "needs kind=dense"),
        (["model.score=answer"], "needs outputs=1"),
        (["task.anomaly.rate=0"], "between 0 and 1"),
    ],
)
def test_settings_that_cannot_be(files: dict[str, Path], tmp_path: Path, more: list[str], why: str) -> None:
    with pytest.raises((BadConfig, ValueError), match=why):
        run_training(compose("trigger", words(files["normal"], *more)), tmp_path / "b")


def test_too_few_to_set_the_rate(files: dict[str, Path], tmp_path: Path) -> None:
    settings = compose("trigger", words(files["normal"], "task.anomaly.rate=1e-4", "train.epochs=1"))
    with pytest.raises(BadConfig, match=r"threshold.*at least 9,999.*sample\.validation"):
        run_training(settings, tmp_path / "b")
    with pytest.raises(BadConfig, match="0 normal events"):
        threshold_of(np.zeros(0), 0.01)


def test_the_threshold_lets_no_more_than_the_rate_pass() -> None:
    scores = np.repeat([0.0, 1.0, 2.0], [900, 95, 5])  # rounded scores are often equal
    value, numbers = threshold_of(scores, 0.01)
    assert value == 1.0
    assert (scores > value).mean() <= 0.01
    assert numbers["rate_low"] < 0.005 < numbers["rate_high"]


def test_empty_files_and_numbers_that_are_none(autoencoder: Path, tmp_path: Path) -> None:
    write_jets(tmp_path / "empty.parquet", [], {"made by": "this test"})
    with pytest.raises(BadInput, match=r"empty\.parquet"):
        measure(load_bundle(autoencoder), [str(tmp_path / "empty.parquet")])
    task = load_task(load_bundle(autoencoder), None)
    x = np.zeros((3, FEATURES))
    x[1, 2] = np.nan
    with pytest.raises(BadInput, match=r"row 1.*not finite"):
        lower(task.network).ported(x)


def test_a_tagger_has_no_rate() -> None:
    with pytest.raises(BadBundle, match=r"has no score.*model=anomaly"):
        measure(load_bundle("jet-tagger"), ["examples/jets/jets-small.parquet"])


def test_a_score_names_no_classes(autoencoder: Path) -> None:
    task = load_task(load_bundle(autoencoder), None)
    with pytest.raises(BadConfig, match="deploy rate"):
        task.explainer()


def test_mixed_buffers_keep_every_number_of_their_column() -> None:
    x = torch.arange(12.0).reshape(4, 3)
    nothing = torch.zeros(4, 0)
    sample = TriggerSample(x, nothing, torch.zeros(4, dtype=torch.int8), torch.zeros(4, 0, 0))
    both = with_mixed(sample, 1.0)
    assert torch.equal(both.x[:4], x)
    assert torch.equal(both.x[4:].sort(dim=0).values, x)
    assert torch.equal(with_mixed(sample, 0.0).x[4:], x)
    assert AnomalyConfig().rate == 1e-3


def load_task_of(model: str, teacher: str):
    """A task that has learned nothing."""
    from gnnreco.tasks.registry import TASKS

    kind, config = TASKS["trigger"].load()
    made = config(teacher=teacher)
    return kind.from_config(replace(made, network=replace(made.network, score=model)), None)
