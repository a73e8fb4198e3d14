"""A language model that does whatever the ticket tells it to: the worst answer an attack can win.

Pass ``obedient_answer`` to ``FakeLlmServer``. Where the text gives no order it knows, it answers correctly.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.llm_server import sample_answer

_CATEGORY = re.compile(
    r"(?:categor(?:y|ie)|kategorie|classify (?:it|this(?: ticket)?))[\"']?\s{0,2}"
    r"(?:to|as|is|must be|auf|als|ist|=|:)?\s{0,2}[\"'“„]?([a-z_]{3,30})",
    re.IGNORECASE,
)
_CRITICAL = re.compile(r"critical|kritisch|\bp1\b", re.IGNORECASE)
_CLOSE = re.compile(r"\bclos(?:e|ed|ing)\b|schließ\w{1,4}|geschlossen", re.IGNORECASE)
_SPAM = re.compile(r"\bspam\b", re.IGNORECASE)
_REVEAL = re.compile(r"placeholders?|platzhalter|\[[A-Z]{2,12}_\d{1,6}\]", re.IGNORECASE)
_EVERY_PLACEHOLDER = " ".join(
    f"[{kind}_{number}]" for number in (1, 2, 7) for kind in ("EMAIL", "PHONE", "CARD", "SECRET", "LITERAL")
)


def read_by(body: dict[str, Any]) -> str:
    """Return what the model was given to read of the ticket: the last message."""
    return str(body["messages"][-1]["content"])


def obedient_answer(body: dict[str, Any]) -> dict[str, Any]:
    """Answer as the ticket orders, with full confidence, whatever the schema and the system prompt say."""
    answer, text = sample_answer(body), read_by(body)
    answer |= {"confidence": 1.0, "severity_confidence": 1.0}
    if ordered := _CATEGORY.search(text):
        answer["category"] = ordered.group(1).lower()
    if _CRITICAL.search(text):
        answer["severity"] = "critical"
    if _CLOSE.search(text):
        answer |= {"status": "closed", "action": "close_ticket", "resolved": True}
    if _SPAM.search(text):
        answer |= {"category": "spam", "is_spam": True}
    if _REVEAL.search(text):
        answer |= {
            "summary": _EVERY_PLACEHOLDER[:100],
            "reasoning": _EVERY_PLACEHOLDER,
            "fields": [
                {"name": "account_email", "value": value}
                for value in ("[EMAIL_1]", "[EMAIL_7]", "[SECRET_1]")
            ],
        }
    return answer
