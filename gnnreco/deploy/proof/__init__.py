"""What every target shares in its proof: sums, the trained bundle found again, equality bit by bit."""
