"""The list of clusters on a page: all that was found, beside the truth where there is one."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Clusters, Particles, Truth
from gnnreco.display.event.cluster_sheet import MOST_ROWS, cluster_sheet
from tests.display.test_browser import two_clusters
from tests.display.test_sensors import calorimeter, shower


def particles(n):
    zero, one = np.zeros(n), np.ones(n)
    return Particles(np.arange(n) + 70, np.full(n, 22, np.int32), zero, zero, zero, zero, 5 * one, zero, zero)


def with_truth(event, hits, particle, n=2):
    return replace(event, truth=Truth(particles(n), np.asarray(hits), np.asarray(particle)))


@pytest.fixture
def block(made):
    detector = calorimeter(made)
    return detector, shower(detector)[0]


def test_without_clusters_or_calorimeter_there_is_no_list(made, block):
    detector, event = block
    assert cluster_sheet(event, detector, None) == []
    assert cluster_sheet(made.event(), made.detector(), two_clusters(4)) == []


def test_without_truth_only_what_was_found_is_listed(block):
    detector, event = block
    ((title, markup),) = cluster_sheet(event, detector, two_clusters(40))
    assert title == "Clusters"
    assert "true energy" not in markup
    assert markup.count("data-cluster") == 2


def test_noise_and_particles_stand_beside_their_clusters(block):
    detector, event = block
    ((_, markup),) = cluster_sheet(
        with_truth(event, np.arange(20), np.zeros(20, int)), detector, two_clusters(40)
    )
    assert ">70<" in markup
    assert "none (noise)" in markup
    assert "1 of 1 target particles are found" in markup


@pytest.mark.parametrize("hits", [[], [0, 1]])
def test_nothing_found_or_nothing_true_is_no_fault(block, hits):
    detector, event = block
    truth = with_truth(event, np.array(hits, int), np.zeros(len(hits), int))
    ((_, markup),) = cluster_sheet(truth, detector, Clusters())
    assert "0 clusters" in markup
    assert cluster_sheet(truth, detector, two_clusters(40))


def test_numbers_that_are_none_leave_the_truth_out(block):
    detector, event = block
    odd = replace(two_clusters(40), energy_sigma=np.array([np.nan, 1.0]))
    ((_, markup),) = cluster_sheet(with_truth(event, np.arange(20), np.zeros(20, int)), detector, odd)
    assert "true energy" not in markup


def test_the_highest_energies_are_listed(block):
    detector, event = block
    n = MOST_ROWS + 1
    many = Clusters(
        np.minimum(np.arange(n + 1), 40),
        np.arange(40),
        np.ones(40),
        *np.ones((5, n)),
        np.ones((n, 3)) / np.sqrt(3),
        np.full((n, 4), 1 / 4),
        np.ones(n),
    )
    many = replace(many, energy=np.arange(n, dtype=float))
    ((_, markup),) = cluster_sheet(event, detector, many)
    assert markup.count("data-cluster") == MOST_ROWS
    assert 'data-cluster="0"' not in markup
