"""Clients of other services, pointed at `vasari serve`: python examples/compatible_clients.py URL WORDS.

OpenAI's makes vectors, Cohere's orders documents (pip install openai cohere); docs/integrations.md names the others.
"""

import sys

import cohere
import httpx
import openai


def main(url: str, words: str) -> None:
    """List the models, embed the words, and order two documents by them."""
    with openai.OpenAI(api_key="unused", base_url=f"{url}/v1") as client:
        print("models:", ", ".join(model.id for model in client.models.list()))
        made = client.embeddings.create(model="default", input=[words])
        print("vector:", len(made.data[0].embedding), "numbers")
    with httpx.Client() as http:
        ranked = cohere.ClientV2(api_key="unused", base_url=url, httpx_client=http).rerank(
            model="default", query=words, documents=["blue", words]
        )
        print("best document:", ranked.results[0].index)


if __name__ == "__main__":
    main(*sys.argv[1:])
