"""Backups of a library while it is used: taking them, and restoring from them."""
