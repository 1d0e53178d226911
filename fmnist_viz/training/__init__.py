"""Floor 3: training with Keras, and what is recorded on the way."""
