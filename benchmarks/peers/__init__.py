"""Other systems on the same work."""
