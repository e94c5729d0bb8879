"""The segment network run by ONNX Runtime, on exactly as many threads as asked for, and without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .graph import OUTPUTS

#: A thread that waits for work sleeps instead of turning round: batch nodes count processor time.
QUIET = ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning")
ERRORS_ONLY = 3  # severity


class OnnxNetwork:
    """A session over a model of `gnnreco.models.onnx.graph.build_onnx`.

    Parameters
    ----------
    model : bytes
    threads : int
        With one, no other thread is started.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = ERRORS_ONLY
        for key in QUIET:
            options.add_session_config_entry(key, "0")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._short = onnxruntime.RunOptions()
        self._short.only_execute_path_to_fetches = True
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        if self.metadata.get("gnnreco.threads") == "1" and threads > 1:
            raise ValueError(
                f"this model is for sessions with one thread, not {threads}: see gnnreco.models.onnx.graph"
            )

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Logits of the edges (m,) of a graph: see `gnnreco.models.infer`."""
        edge: NDArray[np.float32] = self._run(OUTPUTS[:1], nodes, edges, pairs)[0]
        return edge

    def both(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits of the edges (m,) and of the nodes (n,)."""
        edge, node = self._run(OUTPUTS, nodes, edges, pairs)
        return edge, node

    def _run(self, outputs: tuple[str, ...], nodes: Any, edges: Any, pairs: Any) -> Any:
        for name, rows in (("nodes", nodes), ("edges", edges)):
            bad = ~np.isfinite(rows).all(axis=1)
            if bad.any():
                raise ArithmeticError(
                    f"row {np.flatnonzero(bad)[0]} of {name} has a feature that is not a finite number"
                )
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(nodes)):
            raise IndexError(f"an edge names a node that is not there: there are {len(nodes)}")
        ends = np.ascontiguousarray(pairs.T, np.int64)
        feed = {"nodes": nodes, "edges": edges, "inner": ends[0], "outer": ends[1]}
        return self._session.run(outputs, feed, self._short)
