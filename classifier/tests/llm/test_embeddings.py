"""The embeddings client over real HTTP: what it sends, what it accepts, and when it gives up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from classifier.llm.config import ConfigurationError
from classifier.llm.embeddings import MOST_TEXTS, EmbeddingClient, EmbeddingConfig
from classifier.llm.types import FailureKind
from classifier.tests.llm.support import failure_of
from tests.fakes.llm_server import FakeLlmServer, Fault, refused_url, sample_embeddings

Body = dict[str, Any]
TEXTS = ["The VPN drops", "A black screen", "The VPN drops again"]


def config(url: str, **changes: Any) -> EmbeddingConfig:
    """A model of 64 numbers at the fake server."""
    values = {"base_url": f"{url}/v1", "model": "fake-embedder", "dimensions": 64, "api_key": "key-1"}
    return EmbeddingConfig(**{**values, **changes})


def client(server: FakeLlmServer, seconds: float = 3.0, **changes: Any) -> EmbeddingClient:
    """A client of it."""
    return EmbeddingClient(config(server.url, **changes), timeout_seconds=seconds)


def changed(change: Callable[[list[Any]], object]) -> Callable[[Body], Body]:
    """A server whose list of vectors is changed, in place or by what the function returns."""

    def embed(body: Body) -> Body:
        answer = sample_embeddings(body)
        answer["data"] = change(answer["data"]) or answer["data"]
        return answer

    return embed


def first_vector(vector: object) -> Callable[[Body], Body]:
    """A server whose first vector is this one."""
    return changed(lambda data: data[0].update(embedding=vector))


def test_vectors_have_length_one_and_stand_in_the_order_of_the_texts(server: FakeLlmServer) -> None:
    """C18: the index decides, not the place in the answer."""
    straight = client(server).embed(TEXTS).vectors
    server.embed = changed(lambda data: data[::-1])
    assert np.array_equal(client(server).embed(TEXTS).vectors, straight)
    assert straight.shape == (3, 64)
    assert straight.dtype == np.float32
    assert np.allclose(np.linalg.norm(straight, axis=1), 1.0, atol=1e-6)
    assert straight[0] @ straight[2] > straight[0] @ straight[1]


def test_the_request_is_openais(server: FakeLlmServer) -> None:
    """C18: key in the header; the size is asked for only where the model takes the wish."""
    client(server).embed(TEXTS)
    client(server, model="text-embedding-3-small", api_key="").embed(["lone \ud800 surrogate"])
    plain, shortened = server.requests
    assert plain.path == "/v1/embeddings"
    assert plain.headers["authorization"] == "Bearer key-1"
    assert plain.body == {"model": "fake-embedder", "input": TEXTS, "encoding_format": "float"}
    assert shortened.body["dimensions"] == 64
    assert shortened.body["input"] == ["lone ? surrogate"]
    assert "authorization" not in shortened.headers


@pytest.mark.parametrize(
    ("embed", "kind"),
    [
        (changed(lambda data: data[:-1]), FailureKind.SCHEMA_INVALID),
        (changed(lambda data: [*data, data[0]]), FailureKind.SCHEMA_INVALID),
        (changed(lambda data: [data[0], data[0], data[1]]), FailureKind.SCHEMA_INVALID),
        (changed(lambda data: data[0].update(index=[1])), FailureKind.SCHEMA_INVALID),
        (changed(lambda data: data[0].update(index=7)), FailureKind.SCHEMA_INVALID),
        (changed(lambda data: [1, 2, 3]), FailureKind.SCHEMA_INVALID),
        (lambda body: {"data": None}, FailureKind.SCHEMA_INVALID),
        (lambda body: {"error": {"message": "x"}}, FailureKind.SCHEMA_INVALID),
        (first_vector([1.0] * 63), FailureKind.SCHEMA_INVALID),
        (first_vector([1.0] * 65), FailureKind.SCHEMA_INVALID),
        (first_vector([0.0] * 64), FailureKind.SCHEMA_INVALID),
        (first_vector([1e308] * 64), FailureKind.SCHEMA_INVALID),
        (first_vector([10**400] + [1] * 63), FailureKind.SCHEMA_INVALID),
        (first_vector(["1.0"] * 64), FailureKind.SCHEMA_INVALID),
        (first_vector([True] * 64), FailureKind.SCHEMA_INVALID),
        (first_vector("AAAA"), FailureKind.SCHEMA_INVALID),
        (first_vector([float("nan")] * 64), FailureKind.NOT_JSON),
        (first_vector([float("inf")] * 64), FailureKind.NOT_JSON),
        (lambda body: {"data": "x" * 1_000_000}, FailureKind.OVERSIZED),
    ],
)
def test_an_answer_that_is_not_one_usable_vector_a_text_is_refused(
    server: FakeLlmServer, embed: Callable[[Body], Body], kind: FailureKind
) -> None:
    """C18: wrong count, wrong size, no numbers, no direction."""
    server.embed = embed
    assert failure_of(lambda: client(server).embed(TEXTS)).kind is kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.HTTP_500, FailureKind.HTTP_5XX),
        (Fault.HTTP_401, FailureKind.AUTH),
        (Fault.HTTP_429, FailureKind.RATE_LIMITED),
        (Fault.HTTP_400, FailureKind.BAD_REQUEST),
        (Fault.REDIRECT, FailureKind.REDIRECT),
        (Fault.HTML, FailureKind.NOT_JSON),
        (Fault.DISCONNECT, FailureKind.CONNECT),
        (Fault.HANG, FailureKind.TIMEOUT),
        (Fault.DRIP_HEADERS, FailureKind.TIMEOUT),
    ],
)
def test_every_failure_has_its_name_and_ends_in_time(
    server: FakeLlmServer, fault: Fault, kind: FailureKind
) -> None:
    """C11: the care of the chat adapters holds here too; one byte a second does not restart the clock."""
    server.always(fault)
    asking = client(server, seconds=1.0)
    started = time.monotonic()
    assert failure_of(lambda: asking.embed(TEXTS)).kind is kind
    assert time.monotonic() - started < 4
    asking.close()
    assert len(server.requests) == 1


def test_a_compressed_answer_without_end_is_cut_off(server: FakeLlmServer) -> None:
    """C11: half a gigabyte in half a megabyte; the server takes its time to make it."""
    server.always(Fault.GZIP_BOMB)
    assert failure_of(lambda: client(server, seconds=30.0).embed(TEXTS)).kind is FailureKind.OVERSIZED


def test_a_server_that_is_not_there_is_a_failure_to_connect() -> None:
    """C11: named like every other."""
    asking = EmbeddingClient(config(refused_url()), timeout_seconds=2.0)
    assert failure_of(lambda: asking.embed(TEXTS)).kind is FailureKind.CONNECT


def test_a_full_request_fits_into_the_answer(server: FakeLlmServer) -> None:
    """C18: the size cap knows how long 32 vectors of long numbers are."""
    numbers = [-0.012345678901234567e-05 * (place + 1) for place in range(1536)]
    server.embed = lambda body: {
        "data": [{"index": index, "embedding": numbers} for index in range(len(body["input"]))]
    }
    asking = client(server, dimensions=1536)
    assert asking.embed(["text"] * MOST_TEXTS).vectors.shape == (MOST_TEXTS, 1536)
    for count in (0, MOST_TEXTS + 1):
        with pytest.raises(ValueError, match="texts"):
            asking.embed(["text"] * count)


def test_a_space_is_named_by_server_model_and_size() -> None:
    """C18: another model, size or server is another space; another key is not."""
    first = config("http://a")
    others = [config("http://b"), config("http://a", model="m"), config("http://a", dimensions=65)]
    assert len({first.space, *(item.space for item in others)}) == 4
    assert config("http://a", api_key="key-2").space == first.space
    assert len(config("http://a", model="m" * 500).space) <= 80
    assert "key-1" not in repr(first)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_url": "ftp://h"}, "EMBEDDING_BASE_URL"),
        ({"model": ""}, "EMBEDDING_MODEL"),
        ({"dimensions": 0}, "EMBEDDING_DIMENSIONS"),
        ({"dimensions": 100_000}, "EMBEDDING_DIMENSIONS"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(changes: dict[str, Any], named: str) -> None:
    """O6."""
    with pytest.raises(ConfigurationError, match=named):
        config("http://a", **changes)
