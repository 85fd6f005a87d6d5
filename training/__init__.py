"""Fits the models."""
