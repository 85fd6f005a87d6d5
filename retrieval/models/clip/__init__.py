"""Dual encoders by open_clip and torch."""
