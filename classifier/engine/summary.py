"""One line of at most 100 characters that says what a ticket is about."""

from __future__ import annotations

import re
from typing import Final

from classifier.engine.phrases import MAX_TEXT_CHARS, PhraseIndex, word_set, words_of
from classifier.engine.types import Prediction
from common.letters import GREETING, QUOTE_HEAD, SIGN_OFF

MAX_SUMMARY_CHARS: Final = 100
_ELLIPSIS: Final = "…"
_MAX_LINES: Final = 400
_MAX_SENTENCES: Final = 200

_NOISE_LINE: Final = re.compile(
    r"^\s*(?:>|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|at [\w$.<>]{1,120}\(|File \"|Traceback|"
    r"\[?(?:DEBUG|INFO|WARN|WARNING|TRACE)\b|[{}\[\]<|=#*_~-]{2,}|https?://\S{1,500}\s*$|"
    r"[0-9a-fA-F]{16,}\s*$)"
)
_POLITE: Final = re.compile(
    r"^(?:i hope (?:you are|you're|this)\b|hope (?:you are|you're|this)\b|my name is\b|i am writing to\b|"
    r"i'm writing to\b|thank you for\b|thanks for\b|please help|can you help|could you help|please advise|"
    r"let me know|looking forward|any help)",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[^\s])")
_SPACES: Final = re.compile(r"\s+")
_REPLY_PREFIX: Final = re.compile(r"^(?:(?:re|fw|fwd|aw|wg)\s*:\s*)+", re.IGNORECASE)
_TELLING_WORDS: Final = (
    "cannot|can't|unable|not working|doesn't work|does not work|won't|error|fails|failed|failing|crash|"
    "crashes|"
    "broken|down|slow|refund|charged|invoice|password|login|log in|access|request|need|want|would like|"
    "missing|"
    "lost|stolen|install|update|upgrade|disconnects|timeout|locked|reset|order|payment|delete|add|"
    "fehler|kann nicht|funktioniert nicht|rechnung|passwort|benötige"
)
_TELLING: Final = PhraseIndex(_TELLING_WORDS.split("|"))
_VAGUE: Final = word_set(
    "help urgent issue problem question support request ticket please need hello hi hilfe frage"
)


def summarize(body: str, subject: str = "") -> str:
    """Return the most telling sentence, whole where it fits, else cut at a word boundary."""
    title = _tidy(_REPLY_PREFIX.sub("", subject.strip()))
    sentences = _sentences(body)
    if not sentences:
        return cut(title or _tidy(body))
    best = max(range(len(sentences)), key=lambda index: _score(sentences[index], index))
    if title and _is_telling(title) and len(title) <= MAX_SUMMARY_CHARS:
        return title
    return cut(sentences[best])


def cut(text: str, limit: int = MAX_SUMMARY_CHARS) -> str:
    """Cut ``text`` to ``limit`` characters at a word boundary, an ellipsis included."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    boundary = head.rfind(" ")
    if boundary >= limit // 2:
        head = head[:boundary]
    return head.rstrip(" ,;:-–(") + _ELLIPSIS


def summary_prediction(body: str, subject: str = "", *, source: str = "rules") -> Prediction:
    """Put the summary into the form every engine answers in; a summary has no confidence."""
    return Prediction(
        field="summary",
        value=summarize(body, subject),
        confidence=None,
        source=source,
        reasoning="The most telling sentence of the ticket.",
        calibrated=False,
    )


def _tidy(text: str) -> str:
    return _SPACES.sub(" ", "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT_CHARS])).strip()


def _is_telling(title: str) -> bool:
    forms = [word.form for word in words_of(title)]
    return len(forms) >= 3 and sum(form not in _VAGUE for form in forms) >= 3


def _sentences(body: str) -> list[str]:
    found: list[str] = []
    for paragraph in _paragraphs(body):
        for sentence in _SENTENCE_END.split(paragraph):
            clean = _tidy(sentence)
            if clean and len(found) < _MAX_SENTENCES:
                found.append(clean)
    return found


def _paragraphs(body: str) -> list[str]:
    """Join wrapped lines again, without greetings, quoted text, log lines and signatures."""
    paragraphs: list[str] = []
    current: list[str] = []
    for raw in body[:MAX_TEXT_CHARS].splitlines()[:_MAX_LINES]:
        line = raw.strip()[:2_000]
        if QUOTE_HEAD.match(line) or (SIGN_OFF.match(line) and (paragraphs or current)):
            break
        if not line or _NOISE_LINE.match(line):
            if current:
                paragraphs.append(" ".join(current))
            current = []
            continue
        rest = GREETING.sub("", line, count=1)
        if rest:
            current.append(rest)
    if current:
        paragraphs.append(" ".join(current))
    return paragraphs


def _score(sentence: str, index: int) -> float:
    words = words_of(sentence)
    telling = len({hit.phrase for hit in _TELLING.find(words)})
    length = min(len(words), 12) / 12 if len(words) >= 3 else -1.0
    position = 1.0 / (1 + index)
    fits = 0.3 if len(sentence) <= MAX_SUMMARY_CHARS else 0.0
    polite = -2.0 if _POLITE.match(sentence) else 0.0
    return 0.8 * min(telling, 3) + length + position + fits + polite
