"""Cell templates: the cells of one kind of sensor, in its own plane."""
