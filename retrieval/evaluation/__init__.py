"""Datasets with known answers, and how well a model finds them."""
