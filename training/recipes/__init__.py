"""Training recipes of the built-in models."""
