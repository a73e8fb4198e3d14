"""An answer of the chat as server-sent events: what is being done, then the checked answer in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import structlog

from classifier.models import ChatMessage
from classifier.services.chat import Stage, chat_answer_stages
from common.actors import Actor
from common.exceptions import ApplicationError

logger = structlog.get_logger(__name__)
MEDIA_TYPE: Final = "text/event-stream"
_PIECE: Final = re.compile(r"\S.*?(?:[.!?…](?=\s)|\n\n|$)\s*", re.DOTALL)


def chat_events(
    *,
    question: ChatMessage,
    actor: Actor,
    opening: Mapping[str, Any],
    closing: Callable[[ChatMessage], Mapping[str, Any]],
) -> Iterator[str]:
    """``convo``, any number of ``status``, the sentences as ``delta``, then ``done`` or ``error``.

    The answer has passed its checks before its first word leaves: a stream cannot be taken back.
    """
    yield event("convo", opening)
    try:
        for item in chat_answer_stages(question=question, actor=actor):
            if isinstance(item, Stage):
                yield event("status", {"text": item.text})
                continue
            for piece in pieces(item.body):
                yield event("delta", {"text": piece})
            yield event("done", closing(item))
    except ApplicationError as error:
        yield event("error", {"error": {"code": error.code, "message": error.sentence}})
    except Exception:  # the outer edge: headers have left, so the reader hears of the failure in the stream
        logger.exception("chat_stream_failed", question=str(question.uuid))
        message = "Something went wrong on our side. Your question is kept; ask it again."
        yield event("error", {"error": {"code": "server_error", "message": message}})


def event(name: str, data: Mapping[str, Any]) -> str:
    """One event; JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, default=str)}\n\n"


def pieces(text: str) -> list[str]:
    """The sentences of a text; joined they are the text."""
    return _PIECE.findall(text) or [text]
