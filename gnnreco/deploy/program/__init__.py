"""Programs of fixed-point operations: lowered from networks, bounded, checked."""
