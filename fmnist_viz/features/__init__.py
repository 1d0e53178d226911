"""Floor 2: what a model makes of images, layer by layer, and the weights it does it with."""
