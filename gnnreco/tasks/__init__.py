"""One file a task: targets, loss, decoding, metrics."""
