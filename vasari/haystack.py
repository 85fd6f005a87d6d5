"""Haystack's retriever over a library; the extra `haystack` brings what it stands on."""

try:
    from vasari.api.frameworks.haystack import VasariRetriever
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "haystack":
        raise
    from vasari.retrieval.errors import MissingExtraError

    raise MissingExtraError("haystack-ai", "haystack") from None

__all__ = ["VasariRetriever"]
