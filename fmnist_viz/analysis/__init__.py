"""Floor 2: what predictions and representations say, as numbers with intervals."""
