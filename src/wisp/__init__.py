"""Wisp cuts people and things out of photos and video, with soft hair and true edge colours."""
