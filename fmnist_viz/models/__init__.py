"""Floor 1: the named presets, and which layers of any Keras model are worth looking at."""
