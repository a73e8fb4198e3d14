"""One JSON request over plain HTTP, for servers that no SDK of ours speaks to."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from classifier.llm.acceptance import load_json
from classifier.llm.statuses import error_for_status
from classifier.llm.types import FailureKind, LlmError


def post_json(
    client: httpx.Client, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> bytes:
    """Send the body and return the bytes of an answer below 300.

    Raises:
        LlmError: no connection, or the kind the status stands for.
    """
    try:
        response = client.post(path, json=body, headers=headers)
    except httpx.HTTPError as error:
        raise LlmError(FailureKind.CONNECT, f"No connection: {type(error).__name__}.") from error
    if response.status_code >= 300:
        raise error_for_status(response.status_code, response.headers, _error_body(response))
    return response.content


def _error_body(response: httpx.Response) -> object:
    try:
        return load_json(response.content)
    except ValueError:
        return response.text
