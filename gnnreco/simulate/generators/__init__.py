"""Where particles come from: guns, beams, collisions."""
