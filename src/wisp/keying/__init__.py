"""Mattes of photos whose background is known: a plain one, a screen, a clean plate, or two of them."""
