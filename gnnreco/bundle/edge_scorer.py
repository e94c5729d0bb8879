"""A network from outside in place of a bundle's own: ``gnnreco reconstruct --scorer model.onnx``.

The bundle still builds the graph and decodes what the network says of its edges. The file is ONNX, made by any framework:
it runs no code but the operators of ONNX, and what it takes and gives is checked before the first event is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.limits import SCORER_BYTES
from gnnreco.tasks.contract import AnyTask, Scorable

from .files import sha256
from .onnx import FEATURES

if TYPE_CHECKING:
    import onnx
    import onnxruntime

OUTPUT = "edge_logits"
#: Inputs and output: kind of number, then rows and columns; a word is a number that changes from event to event.
Port = tuple[str, tuple[str | int, ...]]
AGAIN = "export the model with these names, types and shapes (torch.onnx.export: input_names, output_names, dynamic_shapes)"


class EdgeScorer:
    """A checked model; it gives the edges of a graph their logits, as `gnnreco.models.Scorer` says.

    Parameters
    ----------
    file : path
    task : str
        ``tracking`` or ``drift``: whose graphs it is to score.
    threads : int
        A model with sums that ONNX Runtime gets wrong on several threads runs on one, whatever is asked for.

    Raises
    ------
    BadInput
        If the file cannot be read, is too large, is no ONNX, would load anything else, or takes or gives something else
        than ``x`` float32 (nodes, f), ``edge_index`` int64 (2, edges), ``edge_attr`` float32 (edges, g) and
        ``edge_logits`` float32 (edges,). It says what is expected and what was found.
    """

    def __init__(self, file: str | Path, task: str, threads: int = 1) -> None:
        from gnnreco.models.onnx.check import read_onnx
        from gnnreco.models.onnx.session import start_session

        model = _read(Path(file))
        self.sha256 = sha256(model)
        try:
            proto = read_onnx(model)
            _check_ports(proto.graph, *(len(names) for names in FEATURES[task]))
            self._session: onnxruntime.InferenceSession = start_session(
                model, 1 if _races(proto.graph) else threads
            )
        except Exception as error:  # ONNX Runtime has a class of its own for each fault, and no base for them
            raise BadInput(file, "", " ".join(str(error).split())) from error

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Logits of the edges (m,) of a graph: see `gnnreco.models.infer`.

        Raises
        ------
        ArithmeticError
            If a feature or a logit is not a finite number.
        ValueError
            If the model does not give one logit for each edge.
        """
        from gnnreco.models.onnx.session import check_graph

        check_graph(nodes, edges, pairs)
        if not len(pairs):
            return np.zeros(0, np.float32)
        feed = {"x": nodes, "edge_index": np.ascontiguousarray(pairs.T, np.int64), "edge_attr": edges}
        logits: NDArray[np.float32] = self._session.run([OUTPUT], feed)[0]
        if logits.shape != (len(pairs),):
            raise ValueError(f"the scorer gave {OUTPUT} of shape {logits.shape} for {len(pairs):,} edges")
        bad = np.flatnonzero(~np.isfinite(logits))
        if len(bad):
            raise ArithmeticError(f"the scorer gave edge {bad[0]} a logit that is not a finite number")
        return logits


def scored_tasks(scorer: str | Path, tasks: list[str], engine: str = "native") -> dict[str, tuple[str, str]]:
    """The one of these tasks whose network a scorer replaces, with its file and the sum of that.

    Raises
    ------
    BadConfig
        If an `engine` was chosen for the network that is not to run.
    BadBundle
        If none of the tasks has a network over edges, or two have.
    BadInput
        See `EdgeScorer`.
    """
    if engine != "native":
        raise BadConfig(f"--scorer replaces the network that --engine {engine} is for: leave one of them out")
    mine = [task for task in tasks if task in FEATURES]
    if len(mine) != 1:
        wrong = f"{len(mine)} of the bundles have" if mine else f"no bundle for {' or '.join(FEATURES)} has"
        raise BadBundle(
            " ".join(tasks), f"{wrong} a network that {scorer} can replace; name one with --bundle"
        )
    return {mine[0]: (str(scorer), EdgeScorer(scorer, mine[0]).sha256)}


def plug_in(task: AnyTask, scorer: str | Path, threads: int) -> None:
    """Let a task ask this scorer instead of its network.

    The calibration of a bundle belongs to its own network, so `score` is then the scorer's own confidence.

    Raises
    ------
    BadConfig
        If the network of the task scores no edges.
    BadInput
        See `EdgeScorer`.
    """
    if not isinstance(task, Scorable):
        raise BadConfig(f"the task '{task.name}' has no network that {scorer} can replace")
    task.scorer = EdgeScorer(scorer, task.name, threads)
    task.config = replace(task.config, calibration=None)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            model = stream.read(SCORER_BYTES + 1)
    except OSError as error:
        raise BadInput(file, "", f"cannot be read ({error.strerror}); name a file of ONNX") from error
    if len(model) > SCORER_BYTES:
        raise BadInput(file, "", f"has more than {SCORER_BYTES:,} bytes; is it the right file?")
    return model


def _expected(nodes: int, edges: int) -> tuple[Mapping[str, Port], Mapping[str, Port]]:
    given: dict[str, Port] = {
        "x": ("float32", ("nodes", nodes)),
        "edge_index": ("int64", (2, "edges")),
        "edge_attr": ("float32", ("edges", edges)),
    }
    return given, {OUTPUT: ("float32", ("edges",))}


def _check_ports(graph: onnx.GraphProto, nodes: int, edges: int) -> None:
    """Raise `ValueError` unless the model takes and gives what it must; it may give more."""
    taken, given = _expected(nodes, edges)
    constants = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: _port(value) for value in graph.input if value.name not in constants}
    outputs = {value.name: _port(value) for value in graph.output}
    wrong = [f"input {name} is unknown" for name in inputs if name not in taken]
    for what, ports, there in (("input", taken, inputs), ("output", given, outputs)):
        for name, port in ports.items():
            if name not in there:
                wrong.append(f"{what} {name} is missing ({_said(port)} expected)")
            elif not _fits(port, there[name]):
                wrong.append(f"{what} {name} is {_said(there[name])}, {_said(port)} expected")
    if wrong:
        raise ValueError(f"is no edge scorer for this graph: {'; '.join(wrong)}; {AGAIN}")


def _port(value: onnx.ValueInfoProto) -> Port:
    from onnx import TensorProto

    kind = value.type.tensor_type
    number: dict[int, str] = {
        TensorProto.FLOAT: "float32",
        TensorProto.FLOAT16: "float16",
        TensorProto.DOUBLE: "float64",
    }
    name = number.get(kind.elem_type) or TensorProto.DataType.Name(kind.elem_type).lower()
    sizes = kind.shape.dim
    return name, tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in sizes)


def _fits(wanted: Port, found: Port) -> bool:
    """A number of columns may be left open, a number that changes from event to event must be."""
    same = wanted[0] == found[0] and len(wanted[1]) == len(found[1])
    return same and all(isinstance(b, str) or a == b for a, b in zip(*(p[1] for p in (wanted, found))))


def _said(port: Port) -> str:
    sizes = ", ".join(map(str, port[1]))
    return f"{port[0]} ({sizes}{',' if len(port[1]) == 1 else ''})"


def _races(graph: onnx.GraphProto) -> bool:
    """Whether a model sums with `ScatterND`, which several threads of ONNX Runtime do at the same time."""
    from gnnreco.models.onnx.check import nodes_of

    sums = (a for node in nodes_of(graph) if node.op_type == "ScatterND" for a in node.attribute)
    return any(a.name == "reduction" and a.s not in (b"", b"none") for a in sums)
