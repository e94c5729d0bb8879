"""The network over the cells of calorimeters, and how its messages are worked out where nothing is learned."""
