"""Pictures in a LangChain chain: python examples/langchain_chain.py LIBRARY WORDS (pip install 'vasari[langchain]').

The step behind the retriever is where a model of yours would read what was found.
"""

import sys

from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from vasari.langchain import VasariRetriever


def told(found: list[Document]) -> str:
    """A line for each picture."""
    return "\n".join(f"{document.metadata['score']:6.3f}  {document.metadata['uri']}" for document in found)


def main(library: str, words: str) -> None:
    """Retrieve and tell."""
    chain = VasariRetriever(library=library, k=3) | RunnableLambda(told)
    print(chain.invoke(words))


if __name__ == "__main__":
    main(*sys.argv[1:])
