"""Same class, same colour, everywhere: the Projector's categorical palette in its own order."""

from __future__ import annotations

# TensorBoard's Projector colours the i-th class it meets with the i-th of these; reading order is made canonical by
# the exporter, so that figures, report and Projector agree.
TEN = ("#1f77b4", "#d62728", "#e377c2", "#17becf", "#2ca02c", "#8c564b", "#bcbd22", "#ff7f0e", "#9467bd", "#7f7f7f")
RIGHT, WRONG, NEUTRAL = "#1f77b4", "#d62728", "#bdbdbd"


def class_colors(count: int) -> tuple[str, ...]:
    """`count` hex colours. Up to ten are the palette above; beyond, hues at the golden angle in three lightnesses."""
    if count <= len(TEN):
        return TEN[:count]
    import colorsys

    extra = []
    for i in range(count - len(TEN)):
        r, g, b = colorsys.hls_to_rgb((0.13 + i * 0.381966) % 1.0, (0.42, 0.6, 0.3)[i % 3], 0.62)
        extra.append(f"#{round(r * 255):02x}{round(g * 255):02x}{round(b * 255):02x}")
    return TEN + tuple(extra)
