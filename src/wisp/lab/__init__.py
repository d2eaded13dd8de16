"""Experiments: figures, ablations, studies and the benchmark; nothing here is needed to cut out a photo."""
