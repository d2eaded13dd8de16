"""Encoders with torchvision's parameter names."""
