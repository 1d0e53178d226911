"""Floor 4: what is written for other eyes: figures, the Projector's folder, the report, tables."""
