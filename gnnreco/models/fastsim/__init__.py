"""The networks of the fast simulation: what they learn from, how likely they find it, and what their arrays must be."""
