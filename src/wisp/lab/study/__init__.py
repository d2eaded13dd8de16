"""A blind comparison of methods by people, and the count of their votes."""
