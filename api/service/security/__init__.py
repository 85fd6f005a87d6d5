"""Keys, limits, and what may be read."""
