"""One frozen dataclass a recipe."""
