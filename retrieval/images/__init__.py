"""Pictures: bytes to pixels, and what is read from them."""
