"""What matter does to particles, and what the media of a detector are."""
