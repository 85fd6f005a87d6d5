"""One program per claim."""
