"""Model registry: presets, model references, and where their files lie."""
