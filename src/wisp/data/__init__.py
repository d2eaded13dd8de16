"""Data sets, synthesis and augmentation."""
