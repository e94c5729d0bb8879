"""Where lots of shards run: in this process, in local ones, or on a Dask cluster; and what is told of them meanwhile."""
