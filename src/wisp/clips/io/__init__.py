"""Clips and folders of frames: files to frames and back."""
