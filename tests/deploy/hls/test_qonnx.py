"""Dense programs as QONNX: qonnx's own executor gives the program's bits, and nothing is lost on the way back."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.deploy.hls.qonnx import Affine, Cut, Product, qonnx_model, steps
from gnnreco.deploy.program.program import Op, Program
from tests.deploy.programs import program, vectors

pytest.importorskip("qonnx")


def executed(made: Program, x: np.ndarray) -> np.ndarray:
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model = ModelWrapper(qonnx_model(made, len(x)))
    return execute_onnx(model, {"x": (made.ported(x) / np.exp2(made.fraction)).astype(np.float32)})["answer"]


@pytest.mark.parametrize("seed", range(4))
def test_qonnx_answers_are_the_programs(seed: int) -> None:
    made = program(seed=seed)
    x, _ = vectors("dense", 300, seed)
    wanted = made.answer(made.ported(x))
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(executed(made, x), wanted)


def test_formats_by_channel_survive() -> None:
    # Without bits; one bit and its sign; wide; negative integer bits.
    formats = {
        "signed": np.ones(4, np.int64),
        "integer": np.array([-3, 0, 5, -1]),
        "fraction": np.array([2, 0, 3, 6]),
    }
    cut = Op("cut", (0,), formats)
    dense = Op("dense", (1,), {"weight": np.eye(4)})
    four = np.ones(4, np.int64)
    made = Program(0, four, 7 * four, 8 * four, (cut, dense))
    x = np.linspace(-100, 100, 997)[:, None] * np.array([1.0, 0.01, 1.0, 0.01])
    np.testing.assert_array_equal(executed(made, x), made.answer(made.ported(x)))
    port, back, product = steps(qonnx_model(made))
    assert isinstance(port, Cut)
    assert isinstance(back, Cut)
    assert isinstance(product, Product)
    np.testing.assert_array_equal(back.step, [0.25, 1.0, 0.125, 2.0**-6])
    np.testing.assert_array_equal(back.low, [0.0, -1.0, -32.0, -0.5])
    np.testing.assert_array_equal(back.high, [0.0, 0.0, 32 - 0.125, 0.5 - 2.0**-6])


def test_ports_are_one_scale_and_one_offset() -> None:
    made = program()
    port, moved, *rest = steps(qonnx_model(made))
    arrays = made.ops[0].arrays
    assert isinstance(moved, Affine)
    np.testing.assert_array_equal(moved.scale, 1 / arrays["scale"])
    np.testing.assert_array_equal(moved.bias, -arrays["offset"] / arrays["scale"])
    assert [type(s) for s in (port, *rest)] == [Cut, Cut, Cut, *[Product, Cut] * 2, Product]
