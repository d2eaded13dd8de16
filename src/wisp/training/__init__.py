"""Training: data, losses, loop, export."""
