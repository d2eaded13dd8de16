"""Everything that moving pictures need and photos do not."""
