"""Moving pictures: clips read, matted steadily and written, and live cameras; photos need none of it."""
