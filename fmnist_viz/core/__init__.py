"""Floor 0: what every room shares. NumPy and the standard library only."""
