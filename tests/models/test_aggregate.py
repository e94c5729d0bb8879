"""Sums on a GPU with torch-scatter and without it. What a GPU does is told by a device that has no numbers: ``meta``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gnnreco.models import aggregate
from gnnreco.models.aggregate import segment_sum, sort_by_node


@pytest.fixture(autouse=True)
def _looked_for_anew() -> Iterator[None]:
    aggregate._torch_scatter.cache_clear()
    yield
    aggregate._torch_scatter.cache_clear()


def graph(n: int = 40, m: int = 300, width: int = 5) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(1)
    node, values = rng.integers(0, n, m), torch.from_numpy(rng.normal(size=(m, width)).astype(np.float32))
    return values, torch.from_numpy(node), *map(torch.from_numpy, sort_by_node(node, n))


class StandIn:
    """`torch_scatter` as its documentation describes the one function that is used."""

    def __init__(self) -> None:
        self.calls = 0

    def segment_csr(self, src: torch.Tensor, indptr: torch.Tensor, reduce: str) -> torch.Tensor:
        self.calls += 1
        assert reduce == "sum"
        if src.device.type == "meta":
            return src.new_zeros(len(indptr) - 1, src.shape[1])
        return torch.segment_reduce(src, "sum", offsets=indptr, axis=0)


def check_library(library) -> None:  # type: ignore[no-untyped-def]
    """The sums and gradients of the kernel for a CPU."""
    values, node, order, start = graph()
    mine, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    sums = segment_sum(mine, node, order, start), aggregate._by_library(library, theirs, order, start)
    torch.testing.assert_close(*sums)
    for total in sums:
        (total**2).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


def test_a_gpu_sums_with_torch_scatter_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    library = StandIn()
    monkeypatch.setitem(sys.modules, "torch_scatter", library)  # type: ignore[arg-type]
    there = segment_sum(*(x.to("meta") for x in graph()))
    assert (there.shape, library.calls) == ((40, 5), 1)
    check_library(library)


def test_a_gpu_sums_with_torch_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_scatter", None)
    assert segment_sum(*(x.to("meta") for x in graph())).shape == (40, 5)


def test_a_library_for_another_torch_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name == "torch_scatter":
            raise OSError("undefined symbol")

    monkeypatch.delitem(sys.modules, "torch_scatter", raising=False)
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=find), *sys.meta_path])
    assert aggregate._torch_scatter() is None


def test_a_cpu_never_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    library = StandIn()
    monkeypatch.setitem(sys.modules, "torch_scatter", library)  # type: ignore[arg-type]
    segment_sum(*graph())
    assert library.calls == 0


def test_the_library_itself_sums_as_we_do() -> None:
    check_library(
        pytest.importorskip("torch_scatter", reason="needs torch-scatter, which is built from source")
    )
