"""What can be wrong with a detector, each fault with its remedy."""
