"""Retrieval frameworks: a library as a retriever and as a vector store of LangChain and LlamaIndex."""
