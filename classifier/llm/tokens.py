"""Token counts without a tokenizer: the usual one downloads its tables at run time."""

from __future__ import annotations

import math
from collections.abc import Iterable

from classifier.llm.types import Message

_ASCII_CHARACTERS_PER_TOKEN = 3.6
_OTHER_TOKENS_PER_CHARACTER = 0.6
_TOKENS_PER_MESSAGE = 6


def estimate_tokens(text: str) -> int:
    """Return a count on the high side: 3.6 ASCII characters to a token, other scripts denser."""
    others = sum(1 for character in text if ord(character) > 127)
    return math.ceil(
        (len(text) - others) / _ASCII_CHARACTERS_PER_TOKEN + others * _OTHER_TOKENS_PER_CHARACTER
    )


def estimate_messages(messages: Iterable[Message]) -> int:
    """Return the estimate for a whole prompt."""
    return sum(estimate_tokens(message.text) + _TOKENS_PER_MESSAGE for message in messages)
