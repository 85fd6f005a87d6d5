"""Pictures as LlamaIndex's image nodes: python examples/llama_index_pictures.py LIBRARY WORDS.

A model that sees takes such nodes as they are (pip install 'vasari[llama-index]').
"""

import sys

from vasari.llama_index import VasariRetriever


def main(library: str, words: str) -> None:
    """Retrieve, and print where each picture lies, with its score."""
    for found in VasariRetriever(library, similarity_top_k=3).retrieve(words):
        print(f"{found.score:6.3f}  {found.node.metadata['uri']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
