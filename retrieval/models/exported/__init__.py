"""The torch-free forms of a model, as they run."""
