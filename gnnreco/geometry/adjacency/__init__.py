"""Which cells and sensors are neighbours: by touch, by distance, in depth."""
