"""The processes that train together, started by torchrun; a single process is a ring of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed


@dataclass(frozen=True, slots=True)
class Ring:
    """Which process this is, and of how many."""

    rank: int = 0
    size: int = 1

    def add(self, values: list[float]) -> list[float]:
        """Sum over all processes, in double precision."""
        if self.size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(tensor)
        return [float(value) for value in tensor]

    def add_gradients(self, network: torch.nn.Module) -> None:
        """Give every process the sum of all gradients, in one message."""
        if self.size == 1:
            return
        trained = [p for p in network.parameters() if p.requires_grad]
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        flat = torch.cat([part.reshape(-1).cpu() for part in parts])
        distributed.all_reduce(flat)
        for parameter, part in zip(trained, flat.split([p.numel() for p in trained]), strict=True):
            parameter.grad = part.reshape(parameter.shape).to(parameter.device)

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_ring() -> Iterator[Ring]:
    """Join the processes that torchrun started (its environment says so), by gloo, which needs no GPU."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ring()
        return
    mine = not distributed.is_initialized()
    if mine:
        # Long: the others wait while the first process learns the graph.
        distributed.init_process_group("gloo", timeout=timedelta(hours=12))
    try:
        yield Ring(distributed.get_rank(), distributed.get_world_size())
    finally:
        if mine:
            distributed.destroy_process_group()
