"""One module for each language that captions are written in."""
