"""LlamaIndex's retriever and vector store over a library; the extra `llama-index` brings what they stand on."""

try:
    from vasari.api.frameworks.llama_index import VasariRetriever, VasariVectorStore
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    from vasari.retrieval.errors import MissingExtraError

    raise MissingExtraError("llama-index-core", "llama-index") from None

__all__ = ["VasariRetriever", "VasariVectorStore"]
