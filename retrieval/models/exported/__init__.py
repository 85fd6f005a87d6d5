"""Inference by exported models (ONNX Runtime, oneDNN int8)."""
