"""One pass over the cells says what PyTorch says table by table."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gnnreco.models.showers import loud_messages
from gnnreco.models.showers.network import Pairs


def table(n: int, k: int, g: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs, neighbours and which are real: rows with none and rows with all of them too."""
    torch.manual_seed(4)
    real = (torch.arange(k) < torch.arange(n)[:, None] % (k + 1)).float()
    neighbour = torch.where(real > 0, torch.randint(0, max(n, 1), (n, k)), torch.arange(n)[:, None]).to(
        torch.int32
    )
    return torch.randn(n, k, g) * real[:, :, None], neighbour, real


@pytest.mark.parametrize("n", [0, 1, 500])
def test_both_ways_agree(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loud_messages, "STRETCH", 64)
    network, rows = Pairs(24, 8, 2, 2), table(n, 8, 8)
    h = torch.randn(n, 24)
    with torch.no_grad():
        wanted = network(h, *rows)
    with torch.inference_mode():
        found = network(h, *rows)
    for one, two in zip(wanted, found, strict=True):
        assert one.shape == two.shape
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)


def test_neither_the_order_of_rows_nor_the_threads_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, neighbour, real = table(300, 8, 8)
    me, other, weight = torch.randn(300, 24), torch.randn(300, 24), torch.randn(24, 8)
    plain = loud_messages.listened(me, other, pairs, weight, neighbour, real)
    monkeypatch.setattr(loud_messages, "STRETCH", 32)
    monkeypatch.setattr(loud_messages, "get_num_threads", lambda: 3)
    order = torch.randperm(300)
    place = torch.argsort(order).to(torch.int32)
    mixed = (me[order], other[order], pairs[order], weight, place[neighbour[order].long()], real[order])
    assert torch.equal(loud_messages.listened(*mixed), plain[order])
