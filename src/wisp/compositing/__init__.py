"""Putting a matte on another background."""
