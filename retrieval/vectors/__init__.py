"""Unit vectors on disk, and the indexes over them."""
