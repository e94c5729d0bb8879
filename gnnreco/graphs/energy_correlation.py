"""Substructure of jets: energy correlation functions and what is built of them, as the LHC jet-tagging samples have it.

Definitions: Larkoski, Salam, Thaler, arXiv:1305.0007 (C); Larkoski, Moult, Neill, arXiv:1409.6298 (D);
Moult, Necib, Thaler, arXiv:1609.07483 (the generalised functions, M, N, D with two exponents). Which of them:
Coleman et al., arXiv:1709.08705. There and here ``d2_a1_b1`` is ``d2_b1`` by definition; it stays so that the list is whole.
"""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

#: Columns of `substructure`, in order.
SUBSTRUCTURE = (
    "c1_b0",
    "c1_b1",
    "c1_b2",
    "c2_b1",
    "c2_b2",
    "d2_b1",
    "d2_b2",
    "d2_a1_b1",
    "d2_a1_b2",
    "m2_b1",
    "m2_b2",
    "n2_b1",
    "n2_b2",
)
#: Triplets grow with the cube: softer constituents than these change a jet of 1 TeV by less than its detector does.
HARDEST = 100

BETA_1, BETA_2 = range(2)  # sums over triplets, by the power of their angles


def substructure(offsets: Ints, pt: Floats, eta: Floats, phi: Floats) -> Floats:
    """The columns `SUBSTRUCTURE` of jets from their (groomed) constituents.

    Parameters
    ----------
    offsets : int64 (n + 1,)
        CSR of the constituents; of each jet the `HARDEST` are used.
    pt : float64 (m,), GeV
    eta, phi : float64 (m,), rad

    Returns
    -------
    float64 (n, 13)
        A ratio whose denominator vanishes (a jet of one or two constituents) is 0.
    """
    jet = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((-pt, jet))
    return _substructure(offsets, pt[order], eta[order], phi[order], HARDEST)


@njit(cache=True)
def _substructure(offsets: Ints, pt: Floats, eta: Floats, phi: Floats, hardest: int) -> Floats:
    n_jets = len(offsets) - 1
    out = np.zeros((n_jets, 13))
    for jet in range(n_jets):
        first = offsets[jet]
        n = min(offsets[jet + 1] - first, hardest)
        if n == 0:
            continue
        z = pt[first : first + n] / np.sum(pt[first : first + n])
        r = np.zeros((n, n))
        for i in range(n):
            for j in range(i):
                turn = abs(phi[first + i] - phi[first + j]) % (2 * np.pi)
                r[i, j] = np.hypot(eta[first + i] - eta[first + j], min(turn, 2 * np.pi - turn))
        # By beta: pairs for 0, 1, 2; triplets for 1, 2 with the one, two and three smallest angles.
        pairs, one, two, three = np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2)
        for i in range(n):
            for j in range(i):
                a, zz = r[i, j], z[i] * z[j]
                pairs += np.array((zz, zz * a, zz * a * a))
                for k in range(j):
                    b, c, zzz = r[i, k], r[j, k], zz * z[k]
                    least, most = min(a, b, c), max(a, b, c)
                    least_two = least * (a + b + c - least - most)
                    product = least_two * most
                    one[BETA_1] += zzz * least
                    one[BETA_2] += zzz * least * least
                    two[BETA_1] += zzz * least_two
                    two[BETA_2] += zzz * least_two * least_two
                    three[BETA_1] += zzz * product
                    three[BETA_2] += zzz * product * product
        row = out[jet]
        row[:3] = pairs
        if pairs[-1] > 0:
            for beta in range(2):
                e2 = pairs[1 + beta]
                row[3 + beta] = three[beta] / e2**2
                row[5 + beta] = three[beta] / e2**3
                row[7 + beta] = three[BETA_1] / e2 ** (3 / (1 + beta))
                row[9 + beta] = one[beta] / e2
                row[11 + beta] = two[beta] / e2**2
    return out
