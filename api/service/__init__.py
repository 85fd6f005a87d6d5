"""The query service (HTTP)."""
