"""Networks that can become firmware: weights and values of few bits, pruned, in arithmetic that takes notes."""
