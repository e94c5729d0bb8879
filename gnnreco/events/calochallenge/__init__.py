"""HDF5 of the Fast Calorimeter Simulation Challenge: one shower a row, the energies of all voxels of a cylinder.

``incident_energies`` (n, 1) and ``showers`` (n, voxels), both in MeV. The energy of a voxel is what the shower left in it,
absorber included: what the active part saw, divided by the sampling fraction (data sets 2 and 3: 0.033, as their making
shows; data set 1 comes from ATLAS at the electromagnetic scale). Ours are what the active part sees, so a reader multiplies
by the sampling fraction of the layer, a writer divides. Format: calochallenge.github.io/homepage, arXiv:2410.21611.
"""

from .reader import MAGIC, CaloChallengeReader, is_showers
from .writer import write_calochallenge

__all__ = ["MAGIC", "CaloChallengeReader", "is_showers", "write_calochallenge"]
