"""LangChain's retriever and vector store over a library; the extra `langchain` brings what they stand on."""

try:
    from vasari.api.frameworks.langchain import VasariRetriever, VasariVectorStore
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "langchain_core":
        raise
    from vasari.retrieval.errors import MissingExtraError

    raise MissingExtraError("langchain-core", "langchain") from None

__all__ = ["VasariRetriever", "VasariVectorStore"]
