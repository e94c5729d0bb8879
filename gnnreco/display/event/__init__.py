"""What the page of one event shows: hits, cells, clusters and curves."""
