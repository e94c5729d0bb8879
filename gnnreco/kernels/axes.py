"""Names of the columns that most kernels share; a kernel takes them as the constants they are."""

from __future__ import annotations

#: Of a place or a direction in space.
X, Y, Z = range(3)
#: Of a place in a sensor's plane and its height above it; of a sensor's three axes.
U, V, W = range(3)
#: Of a pair of rows.
FIRST, SECOND = range(2)
