"""The neural models: dual encoder, reranker, captioner."""
