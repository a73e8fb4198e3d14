"""What counts as an answer: everything else under a status of 200 becomes a named failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from classifier.llm.types import FailureKind, LlmError, Usage

ParsedT = TypeVar("ParsedT", bound=BaseModel)
JsonObject = Mapping[str, object]

_MAX_NAMED_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of an answer whose envelope was in order. ``usage`` is None when the provider kept quiet."""

    text: str
    model: str
    usage: Usage | None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")


def load_json(text: str | bytes) -> object:
    """Parse strict JSON.

    Raises:
        ValueError: not JSON, NaN or infinity, a number of thousands of digits, or nested without end.
    """
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def decode_body(body: bytes) -> JsonObject:
    """Return the JSON object of a 200 answer.

    Raises:
        LlmError: html_page, not_json, empty_choices or error_in_200.
    """
    stripped = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped.startswith(b"<"):
        raise LlmError(FailureKind.HTML_PAGE, "The provider's address answered with a web page.")
    try:
        decoded = load_json(stripped)
    except ValueError:
        raise LlmError(FailureKind.NOT_JSON, "The provider's answer is not JSON.") from None
    if not isinstance(decoded, dict):
        raise LlmError(FailureKind.EMPTY_CHOICES, "The provider's answer is not an object.")
    if decoded.get("error"):
        raise LlmError(FailureKind.ERROR_IN_200, "The provider reported an error under status 200.")
    return decoded


def _check_finish(reason: object, usage: Usage | None) -> None:
    if reason == "stop":
        return
    kinds = {"length": FailureKind.LENGTH, "content_filter": FailureKind.CONTENT_FILTER}
    kind = kinds.get(reason, FailureKind.BAD_FINISH) if isinstance(reason, str) else FailureKind.BAD_FINISH
    raise LlmError(kind, "The model did not finish its answer.", usage=usage)


def chat_answer(body: bytes) -> Answer:
    """Unwrap a chat completion of OpenAI's shape.

    Raises:
        LlmError: html_page, not_json, error_in_200, empty_choices, refusal, length, content_filter
            or bad_finish.
    """
    decoded = decode_body(body)
    counts = decoded.get("usage")
    usage = None
    if isinstance(counts, dict) and ("prompt_tokens" in counts or "completion_tokens" in counts):
        usage = Usage(_count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens")))
    choices = decoded.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise LlmError(FailureKind.EMPTY_CHOICES, "The provider's answer holds no choice.", usage=usage)
    message = _object(choices[0].get("message"))
    if message.get("refusal"):
        raise LlmError(FailureKind.REFUSAL, "The model refused to answer.", usage=usage)
    _check_finish(choices[0].get("finish_reason"), usage)
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        raise LlmError(FailureKind.EMPTY_CHOICES, "The chosen answer is empty.", usage=usage)
    return Answer(content, str(decoded.get("model") or ""), usage)


def ollama_answer(body: bytes) -> Answer:
    """Unwrap an answer of Ollama's native chat route.

    Raises:
        LlmError: as ``chat_answer``.
    """
    decoded = decode_body(body)
    usage = None
    if "prompt_eval_count" in decoded:
        usage = Usage(_count(decoded.get("prompt_eval_count")), _count(decoded.get("eval_count")))
    message = decoded.get("message")
    if not isinstance(message, dict):
        raise LlmError(FailureKind.EMPTY_CHOICES, "The provider's answer holds no message.", usage=usage)
    _check_finish(decoded.get("done_reason"), usage)
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        raise LlmError(FailureKind.EMPTY_CHOICES, "The message is empty.", usage=usage)
    return Answer(content, str(decoded.get("model") or ""), usage)


def _json_text(text: str) -> str:
    """Return the text without the thinking block and the code fence that some servers leave around it."""
    text = text.strip()
    if text.startswith("<think>"):
        text = text.partition("</think>")[2].strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text.partition("\n")[2].removesuffix("```").strip()
    return text


def _kind_of(problems: list[ErrorDetails]) -> FailureKind:
    """Name the failure after the first field that has a name of its own."""
    for problem in problems:
        leaf = problem["loc"][-1] if problem["loc"] else ""
        if leaf == "category" and problem["type"] in {"enum", "literal_error"}:
            return FailureKind.UNKNOWN_CATEGORY
        if str(leaf).endswith("confidence") and problem["type"] != "missing":
            return FailureKind.BAD_CONFIDENCE
    return FailureKind.SCHEMA_INVALID


def _describe(problems: list[ErrorDetails]) -> str:
    """Name fields and problem types only: values come from the model and may carry the ticket's words.

    A field that the schema forbids has a name made up by the model, so it is not repeated either.
    """
    named = []
    for problem in problems[:_MAX_NAMED_PROBLEMS]:
        location = problem["loc"][:-1] if problem["type"] == "extra_forbidden" else problem["loc"]
        named.append(f"{'.'.join(str(part) for part in location) or 'answer'}: {problem['type']}")
    return "; ".join(named)


def accept(answer: Answer, schema: type[ParsedT]) -> ParsedT:
    """Validate the answer's text against the schema.

    Raises:
        LlmError: not_json, unknown_category, bad_confidence or schema_invalid.
    """
    try:
        value = load_json(_json_text(answer.text))
    except ValueError:
        raise LlmError(FailureKind.NOT_JSON, "The model's answer is not JSON.", usage=answer.usage) from None
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise LlmError(_kind_of(problems), _describe(problems), usage=answer.usage) from None
