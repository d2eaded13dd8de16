"""Matting without a network, one paper a file."""
