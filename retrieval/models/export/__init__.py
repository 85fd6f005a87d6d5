"""Export of models to ONNX, and quantisation."""
