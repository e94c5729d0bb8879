"""Programs as ONNX: equal to the program in every bit, one answer for each batch size, nothing outside the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.deploy.onnx.program import HOLDS, IR, MODEL, OPSET, most_bits, write_onnx_program
from gnnreco.deploy.program.program import Op, Program
from gnnreco.errors import BadBundle
from tests.deploy.networks import SHAPES
from tests.deploy.programs import program, vectors

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def answers(folder: Path, x: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    session = runtime.InferenceSession(str(folder / MODEL), providers=["CPUExecutionProvider"])
    kind = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
    feeds = {"x": x.astype(kind)} | ({} if valid is None else {"valid": valid.astype(kind)})
    return session.run(None, feeds)[0]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_the_programs(tmp_path: Path, shape: str, precision: str) -> None:
    made = program(shape)
    write_onnx_program(made, tmp_path, {}, precision)
    for n in (400, 1):
        x, valid = vectors(shape, n)
        wanted = made.answer(made.ported(x), valid)
        assert n == 1 or len(np.unique(wanted)) > 20
        np.testing.assert_array_equal(answers(tmp_path, x, valid), wanted)


def test_narrow_numbers_are_chosen_where_they_are_exact(tmp_path: Path) -> None:
    assert write_onnx_program(program(), tmp_path, {})["precision"] == "float32"
    x = vectors("dense", 200)[0][:, :2]
    assert write_onnx_program(wide(20), tmp_path, {})["precision"] == "float64"
    np.testing.assert_array_equal(answers(tmp_path, x, None), wide(20).answer(wide(20).ported(x)))
    with pytest.raises(BadBundle, match="use precision=float64"):
        write_onnx_program(wide(20), tmp_path, {}, "float32")


@pytest.mark.parametrize("fraction", [0, 3, 12, 20])
def test_bits_are_those_of_the_widest_sum(fraction: int) -> None:
    # 127 * 2**f steps of the one product, 2**(f - 8) * 127 of the other: their sum, in steps of 2**-f.
    steps = 127 * 2**fraction + 127
    assert most_bits(wide(fraction)) == int(steps).bit_length() <= HOLDS["float64"]


def wide(fraction: int) -> Program:
    """One dense layer of two inputs of 7 bits, one weight 1 and the other ``2**-fraction``."""
    one = np.ones(2, np.int64)
    weight = np.array([[1.0, 2.0**-fraction]])
    return Program(0, 0 * one, 7 * one, 0 * one, (Op("dense", (0,), {"weight": weight}),))


def test_a_model_says_where_it_is_from_and_is_the_same_every_time(tmp_path: Path) -> None:
    made = program("edges")
    first = write_onnx_program(made, tmp_path, {"bundle": "b" * 64, "training": {"seed": 3}})
    data = (tmp_path / MODEL).read_bytes()
    assert write_onnx_program(made, tmp_path, {"bundle": "b" * 64, "training": {"seed": 3}}) == first
    assert (tmp_path / MODEL).read_bytes() == data
    model = onnx.load_from_string(data)
    assert {p.key: p.value for p in model.metadata_props} == {"bundle": "b" * 64, "training": '{"seed": 3}'}
    assert (model.opset_import[0].version, model.ir_version) == (OPSET, IR)
    assert all(t.data_location == onnx.TensorProto.DEFAULT for t in model.graph.initializer)
    assert [i.name for i in model.graph.input] == ["x", "valid"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_a_change_of_one_weight_shows(tmp_path: Path) -> None:
    made = program()
    last = made.ops[-1]
    changed = dict(last.arrays) | {"weight": last.arrays["weight"] + 2.0**-6}
    write_onnx_program(replace(made, ops=(*made.ops[:-1], replace(last, arrays=changed))), tmp_path, {})
    x, _ = vectors("dense", 100)
    assert (answers(tmp_path, x, None) != made.answer(made.ported(x))).any()
