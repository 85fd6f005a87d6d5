"""Other programs' clients speak to the service."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator

import cohere
import httpx
import numpy as np
import openai
import pytest

from tests.patience import LONG
from tests.service.colours import picture
from tests.service.conftest import Live, Served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydantic, at marqo's models
    import marqo


@pytest.fixture
def openai_client(live: Live) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, pointed at the service."""
    with openai.OpenAI(api_key="unused", base_url=f"{live.url}/v1", max_retries=0) as client:
        yield client


def test_openai_client_gets_vectors(openai_client: openai.OpenAI) -> None:
    """The `openai` client embeds texts, in its usual base64 and as plain numbers, with equal vectors."""
    usual = openai_client.embeddings.create(model="default", input=["red", "blue"])
    plain = openai_client.embeddings.create(model="colours", input="red", encoding_format="float")
    assert [entry.index for entry in usual.data] == [0, 1]
    assert len(usual.data[0].embedding) == 16
    np.testing.assert_allclose(usual.data[0].embedding, plain.data[0].embedding, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(usual.data[1].embedding), 1, atol=1e-6)
    assert usual.usage.prompt_tokens == 2


def test_openai_client_embeds_pictures(openai_client: openai.OpenAI) -> None:
    """With `modality` in the body, inputs are pictures, and fit the texts about them."""
    encoded = "data:image/png;base64," + base64.b64encode(picture("red")).decode()
    image = openai_client.embeddings.create(model="default", input=encoded, extra_body={"modality": "image"})
    text = openai_client.embeddings.create(model="default", input=["red", "blue"])
    cosines = [np.dot(image.data[0].embedding, entry.embedding) for entry in text.data]
    assert cosines[0] > 0.99
    assert cosines[1] < 0.5


def test_openai_client_understands_refusals(openai_client: openai.OpenAI) -> None:
    """Problems become the client's own exceptions."""
    with pytest.raises(openai.NotFoundError, match="default"):
        openai_client.embeddings.create(model="text-embedding-3-small", input="red")
    with pytest.raises(openai.BadRequestError, match="16 numbers"):
        openai_client.embeddings.create(model="default", input="red", dimensions=8)


def test_cohere_client_reranks(live: Live) -> None:
    """The `cohere` client, version 2, orders documents; a refusal is its own exception."""
    with httpx.Client(timeout=LONG) as http:
        client = cohere.ClientV2(api_key="unused", base_url=live.url, httpx_client=http)
        found = client.rerank(model="default", query="red", documents=["blue", "red", "green"], top_n=2)
        assert (found.results[0].index, len(found.results)) == (1, 2)
        assert found.results[0].relevance_score > found.results[1].relevance_score
        with pytest.raises(cohere.UnprocessableEntityError):
            client.rerank(model="default", query="red", documents=[])


def test_marqo_client_searches(live: Live) -> None:
    """The `marqo` client: words, weights, a filter, chosen attributes; a refusal is its own exception."""
    index = marqo.Client(url=live.url).index("default")
    found = index.search(q="red", limit=2)
    assert [hit["_id"] for hit in found["hits"]][:1] == [str(live.ids["red"])]
    assert found["hits"][0]["_score"] == pytest.approx(1, abs=1e-3)
    assert (found["limit"], found["offset"], len(found["hits"])) == (2, 0, 2)
    assert found["hits"][0]["width"] == 64
    weighted = index.search(q={"red": 0.1, "blue": 1.0}, limit=1, attributes_to_retrieve=["uri"])
    assert set(weighted["hits"][0]) == {"_id", "_score", "_highlights", "uri"}
    assert weighted["hits"][0]["_id"] == str(live.ids["blue"])
    (only,) = index.search(q="red", filter_string="name:green*")["hits"]
    assert only["_id"] == str(live.ids["green"])
    assert index.search(q="red", search_method="HYBRID")["hits"]
    for wrong in ({"search_method": "LEXICAL"}, {"filter_string": "tag:"}):
        with pytest.raises(marqo.errors.MarqoWebError):
            index.search(q="red", **wrong)
    with pytest.raises(marqo.errors.MarqoWebError, match="404"):
        marqo.Client(url=live.url).index("laion").search(q="red")


def test_rerank_tells_what_infinitys_client_reads(served: Served) -> None:
    """`model` and `usage`, without which infinity_client refuses the answer."""
    answer = served.client.post(
        "/v1/rerank", json={"query": "red", "documents": ["a", "b"], "model": "m"}
    ).json()
    assert (answer["object"], answer["model"]) == ("rerank", "m")
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_rerank_orders_texts_and_pictures(served: Served) -> None:
    """Cohere's shape: indices of the documents, the most relevant first, at most `top_n`."""
    body = {"query": "red", "documents": ["blue", {"text": "red"}, "green"], "top_n": 2}
    answer = served.client.post("/v1/rerank", json={**body, "return_documents": True}).json()
    assert [result["index"] for result in answer["results"]] == [1, next(i for i in (0, 2) if i == 2)]
    assert answer["results"][0]["document"] == {"text": "red"}
    pictures = [{"item": served.ids["blue"]}, {"image": base64.b64encode(picture("red")).decode()}]
    answer = served.client.post("/v1/rerank", json={"query": "red", "documents": pictures}).json()
    assert [result["index"] for result in answer["results"]] == [1, 0]
    assert "document" not in answer["results"][0]


CLIENT = {  # what clip-retrieval's client sends, without a content type
    "deduplicate": False,
    "use_safety_model": True,
    "use_violence_detector": True,
    "indice_name": "colours",
    "use_mclip": False,
    "aesthetic_score": 9,
    "aesthetic_weight": 0.5,
    "modality": "image",
    "num_images": 2,
    "num_result_ids": 4,
    "verbose": False,
}


def test_clip_retrieval_searches(served: Served) -> None:
    """clip-retrieval's bodies are answered by words, by picture and by vector."""
    vector = served.library.model.embed_texts(["red"])[0].tolist()
    given = (
        {"text": "red"},
        {"image": base64.b64encode(picture("red")).decode()},
        {"embedding_input": vector},
    )
    for query in given:
        sent = {"text": None, "image": None, "image_url": None, "embedding_input": None, **CLIENT, **query}
        results = served.client.post("/knn-service", content=json.dumps(sent)).json()
        assert [len(results), results[0]["id"]] == [4, served.ids["red"]]
        assert results[0]["similarity"] > 0.99
        assert results[0]["image_path"].endswith("red.png")
        assert served.client.get(results[0]["url"]).status_code == 200
        assert set(results[2]) == {"id", "similarity"}


def test_clip_retrieval_asks_for_metadata_and_indices(served: Served) -> None:
    """Metadata comes by id, and the list of indices begins with the default."""
    body = {"ids": [served.ids["blue"], 999999], "indice_name": "colours"}
    (found,) = served.client.post("/metadata", content=json.dumps(body)).json()
    assert found["id"] == served.ids["blue"]
    assert found["metadata"]["image_path"].endswith("blue.png")
    assert served.client.get("/indices-list").json() == ["colours"]
    assert (
        served.client.post("/knn-service", content=b'{"text": "x", "indice_name": "laion"}').status_code
        == 404
    )
