"""Scoring predictions; never imports a model."""
