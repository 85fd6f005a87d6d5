"""Pictures in a pipeline of Haystack's: python examples/haystack_pipeline.py LIBRARY WORDS.

Each run of a pipeline is told to Haystack's makers, unless HAYSTACK_TELEMETRY_ENABLED=False
(pip install 'vasari[haystack]').
"""

import sys

from haystack import Pipeline
from haystack.components.builders import PromptBuilder

from vasari.haystack import VasariRetriever

PROMPT = """{% for one in documents %}{{ "%6.3f"|format(one.score) }}  {{ one.meta.file_path }}
{% endfor %}"""


def main(library: str, words: str) -> None:
    """Retrieve, hand the documents to the next component, and print what that makes of them."""
    pipeline = Pipeline()
    pipeline.add_component("pictures", VasariRetriever(library, top_k=3))
    pipeline.add_component("prompt", PromptBuilder(PROMPT, required_variables=["documents"]))
    pipeline.connect("pictures.documents", "prompt.documents")
    print(pipeline.run({"pictures": {"query": words}})["prompt"]["prompt"], end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
