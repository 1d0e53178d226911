"""Floor 2: from a representation and its neighbour graph to coordinates, and how far they can be believed."""
