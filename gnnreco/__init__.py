"""gnnreco: graph-network reconstruction for any particle detector."""

from gnnreco.kernel_cache import keep_kernels

__version__ = "0.1.0"

keep_kernels()
