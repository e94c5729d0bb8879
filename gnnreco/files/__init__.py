"""Files that others wrote, read within limits; and our own, written whole or not at all."""
