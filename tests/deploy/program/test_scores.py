"""Scores of anomalies: network, program, ONNX and logic say the same in every bit, and agree on what is above the threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.deploy.hls.project import write_hls
from gnnreco.deploy.onnx.program import MODEL, write_onnx_program
from gnnreco.deploy.program.intervals import answer_range
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.program import Op, Program
from gnnreco.deploy.program.symbols import TABLE, trace
from gnnreco.errors import BadBundle
from gnnreco.models.trigger.fixed_point import BitsConfig
from gnnreco.models.trigger.network import TriggerNetwork, TriggerNetworkConfig
from tests.deploy.networks import SCORES, inputs, network

SEEDS = {"answer": 0, "residual": 2, "squares": 2}  # of networks whose scores differ from input to input


def scored(shape: str) -> TriggerNetwork:
    """A network whose threshold lies among the scores of its inputs."""
    net = network(shape, SEEDS[shape])
    x, valid = (torch.from_numpy(a) for a in inputs(shape, 400, 2))
    net.double()
    with torch.no_grad():
        scores = net(x, valid)[:, 0].unique()
        net.score.threshold.fill_(float(scores[len(scores) // 2 - 1]))
    return net


@pytest.mark.parametrize("shape", SCORES)
def test_network_program_logic_and_onnx_agree(shape: str, tmp_path: Path) -> None:
    net = scored(shape)
    x, valid = inputs(shape, 400, 2)
    on = None if shape != "squares" else valid
    program = lower(net)
    ports = program.ported(x)
    got = program.answer(ports, on).reshape(400, 2)
    with torch.inference_mode():
        wanted = net(torch.from_numpy(x), torch.from_numpy(valid)).numpy()
    assert np.array_equal(got, wanted)
    assert np.array_equal(got[:, 1], got[:, 0] > float(net.score.threshold))
    assert 0 < got[:, 1].mean() < 1
    values = (ports / np.exp2(program.fraction)).reshape(400, -1)
    logic = trace(program).predict(values if on is None else np.concatenate([values, on], axis=1))
    assert np.array_equal(logic, got)
    runtime = pytest.importorskip("onnxruntime")
    write_onnx_program(program, tmp_path, {})
    session = runtime.InferenceSession(str(tmp_path / MODEL), providers=["CPUExecutionProvider"])
    kind = np.float32 if session.get_inputs()[0].type == "tensor(float)" else np.float64
    feeds = {"x": x.astype(kind)} | ({} if on is None else {"valid": on.astype(kind)})
    exact = program.answer(program.ported(x.astype(kind).astype(np.float64)), on)
    assert np.array_equal(session.run(None, feeds)[0], exact)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1), st.integers(-2, 8), st.integers(-2, 8), st.booleans())
def test_a_square_is_exact_for_every_number_that_a_port_holds(signed, integer, fraction, moved):
    """Through a table and through a multiplier, of numbers that begin at zero or elsewhere."""
    fraction = max(fraction, 1 - signed - integer)
    ops = [Op("dense", (0,), {"weight": np.array([[1.0]]), "bias": np.array([0.75 if moved else 0.0])})]
    ops.append(Op("square", (1,), {}))
    one = np.ones(1, np.int64)
    program = Program(0, signed * one, integer * one, fraction * one, tuple(ops))
    width = signed + integer + fraction
    ports = (np.arange(2**width) - signed * 2 ** (width - 1))[:, None]
    wanted = program.answer(ports)
    assert np.array_equal(trace(program).predict(ports / 2.0**fraction), wanted)
    found = answer_range(program)
    steps = wanted * np.exp2(found.fraction[0, 0])
    assert (steps == np.round(steps)).all()
    assert found.low[0, 0] <= wanted.min()
    assert wanted.max() == found.high[0, 0]
    assert TABLE < 2**16


@pytest.mark.slow  # a minute of C++
def test_a_learned_score_and_its_flag_become_a_project_of_hls4ml(tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    report = write_hls(lower(scored("answer")), inputs("answer", 300, 2)[0], tmp_path / "h", "top", {})
    assert report["equal"] == report["vectors"] == 300


def test_hls4ml_has_no_squares(tmp_path: Path) -> None:
    program = lower(scored("residual"))
    with pytest.raises(BadBundle, match=r"operation \d+ is '(add|square)'.*hls4ml cannot take"):
        write_hls(program, inputs("residual", 10)[0], tmp_path / "h", "top", {})


@pytest.mark.parametrize("integer", [1, 3, 6])
def test_ports_reach_as_far_as_the_settings_say(integer: int) -> None:
    bits = BitsConfig(input_bits=12, input_integer=integer)
    config = TriggerNetworkConfig(score="distance", outputs=2, bits=bits)
    net = TriggerNetwork(config, 2).double()
    net.scale.fill_(0.5)
    with torch.no_grad():
        net(torch.full((4, 2), 100.0, dtype=torch.float64))  # in training it sees how far its numbers reach
    net.eval()
    end = 0.5 * 2.0**integer
    x = np.array([[end - 0.25, -end], [2 * end, -3 * end], [0.25, -0.25]])
    ported = net.ported(torch.from_numpy(x)).numpy()
    assert ported[0].tolist() == [2**integer - 0.5, -(2.0**integer)]
    assert ported[1].tolist() == [2**integer - 2.0**-bits.input_fraction, -(2.0**integer)]
    program = lower(net)
    with torch.inference_mode():
        assert np.array_equal(program.answer(program.ported(x)), net(torch.from_numpy(x)).numpy())
