"""The same job by the workers of a Ray cluster."""
