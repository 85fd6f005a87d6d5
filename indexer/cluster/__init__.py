"""Distributed indexing on a Ray cluster."""
