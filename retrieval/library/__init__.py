"""The library: one collection, opened, filled, searched."""
