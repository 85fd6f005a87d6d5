"""The metadata store: SQL is the truth, every index is a projection of it."""
