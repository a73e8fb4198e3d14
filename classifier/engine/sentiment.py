"""How the writer feels: a small lexicon with negation and intensifiers, English and some German."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from classifier.engine.phrases import (
    MAX_TEXT_CHARS,
    PhraseIndex,
    Word,
    is_negated,
    word_set,
    words_before,
    words_of,
)
from classifier.engine.types import Alternative, Evidence, Prediction

# A plain report of a fault is not an angry one: fault words weigh little and are capped together.
_FAULT_WORDS: Final = (
    "error|broken|fails|failed|failure|problem|issue|crash|crashes|crashed|stuck|wrong|missing|unable|slow|"
    "lost|"
    "defekt|kaputt|fehler|problem|langsam|falsch"
)
_LEXICON: Final = {
    3.0: (
        "love it|excellent|amazing|fantastic|wonderful|outstanding|brilliant|thrilled|delighted|best support|"
        "hervorragend|fantastisch|begeistert|ausgezeichnet"
    ),
    2.0: (
        "great|happy|awesome|perfect|perfectly|very helpful|impressed|appreciate|grateful|love|enjoy|well "
        "done|"
        "good job|great job|works great|thank you so much|many thanks|super|toll|zufrieden|prima|dankbar|"
        "klasse"
    ),
    1.0: "good|nice|helpful|pleased|glad|like the|works well|friendly|smooth|thanks for the quick|gut|"
    "hilfreich|freundlich",
    -1.0: (
        "annoying|annoyed|inconvenient|confusing|disappointing|poor|bad|worried|concerned|struggling|tired "
        "of|"
        "still not|still no|still waiting|yet again|no response|no reply|no answer|nobody answers|keeps "
        "happening|"
        "once again|leider|schlecht|nervig|ärgerlich|enttäuschend|immer noch nicht|keine antwort|schon wieder"
    ),
    -2.0: (
        "frustrated|frustrating|frustration|disappointed|unhappy|upset|terrible|useless|waste of time|wasted|"
        "fed up|ridiculous|nonsense|third time|fourth time|fifth time|hate|angry|incompetent|unreliable|"
        "ignored|ignoring|for weeks|for months|nightmare|joke|complaint|complain|rude|"
        "frustriert|enttäuscht|verärgert|wütend|sauer|frechheit|katastrophe|beschwerde|furchtbar"
    ),
    -3.0: (
        "unacceptable|outrageous|disgusting|disgrace|disgraceful|appalling|horrible|awful|worst|furious|scam|"
        "pathetic|rip off|ripoff|never again|cancel my account|sue you|lawyer|inakzeptabel|unverschämt|"
        "betrug|skandal|nie wieder|unfassbar"
    ),
}
_INTENSIFIERS: Final = word_set(
    "very extremely really so totally completely absolutely utterly incredibly "
    "highly deeply too "
    "sehr extrem wirklich total völlig absolut"
)
_DAMPERS: Final = word_set("slightly bit somewhat little kinda fairly etwas bisschen")
_MARKS: Final = re.compile(r"!{2,}|:-?\)|:-?\(|[😀😃😊👍❤🎉]|[😡😠🤬👎😞😢]")
_GLAD_MARKS: Final = frozenset("😀😃😊👍❤🎉") | {":)", ":-)"}
_SHOUTED_WORD: Final = re.compile(r"\b[A-Z]{4,}\b")
_NEUTRAL_BAND: Final = 0.9
_FAULT_FLOOR: Final = -0.6
_MAX_CONFIDENCE: Final = 0.90


@dataclass(frozen=True, slots=True)
class SentimentAssessment:
    """The sentiment, how sure it is, the summed score behind it and the words that made it."""

    value: str
    confidence: float
    score: float
    evidence: tuple[Evidence, ...]


def _weights() -> dict[str, float]:
    return {phrase: weight for weight, joined in _LEXICON.items() for phrase in joined.split("|")}


_WEIGHTS: Final = _weights()
_INDEX: Final = PhraseIndex(_WEIGHTS)
_FAULTS: Final = PhraseIndex(_FAULT_WORDS.split("|"))


def assess_sentiment(text: str) -> SentimentAssessment:
    """Judge whether the writer sounds positive, neutral or negative."""
    text = text[:MAX_TEXT_CHARS]
    words = words_of(text)
    evidence = [
        Evidence(text[hit.start : hit.end], _weigh(words, hit.first, _WEIGHTS[hit.phrase]))
        for hit in _INDEX.find(words)
    ]
    evidence += _marks(text)
    faults = sum(1 for hit in _FAULTS.find(words) if not is_negated(words, hit.first))
    score = sum(item.weight for item in evidence) + max(_FAULT_FLOOR, -0.2 * faults)
    if score < 0 and len(_SHOUTED_WORD.findall(text)) >= 3:
        score *= 1.3
    return _judge(score, tuple(evidence))


def _weigh(words: Sequence[Word], first: int, weight: float) -> float:
    before = words_before(words, first, reach=2)
    if any(form in _INTENSIFIERS for form in before):
        weight *= 1.4
    elif any(form in _DAMPERS for form in before):
        weight *= 0.6
    # "not great" is worse than nothing said, "not bad" is faint praise: a negation turns and weakens.
    return -0.6 * weight if is_negated(words, first) else weight


def _marks(text: str) -> list[Evidence]:
    found: dict[str, Evidence] = {}
    for match in _MARKS.finditer(text):
        mark = match.group()
        weight = 1.0 if mark in _GLAD_MARKS else (-0.4 if mark.startswith("!") else -1.0)
        found.setdefault(mark[:2], Evidence(mark[:2], weight))
    return list(found.values())


def _judge(score: float, evidence: tuple[Evidence, ...]) -> SentimentAssessment:
    strength = abs(score)
    if strength < _NEUTRAL_BAND:
        return SentimentAssessment(
            "neutral", round(0.75 - 0.2 * strength / _NEUTRAL_BAND, 4), score, evidence
        )
    confidence = 0.55 + (_MAX_CONFIDENCE - 0.55) * (1.0 - math.exp(-(strength - _NEUTRAL_BAND) / 2.5))
    return SentimentAssessment("positive" if score > 0 else "negative", round(confidence, 4), score, evidence)


def sentiment_prediction(assessment: SentimentAssessment, *, source: str = "rules") -> Prediction:
    """Put an assessment into the form every engine answers in."""
    rest = round(1.0 - assessment.confidence, 4)
    next_best = (
        "neutral" if assessment.value != "neutral" else ("negative" if assessment.score < 0 else "positive")
    )
    quoted = ", ".join(dict.fromkeys(f"“{item.text}”" for item in assessment.evidence))
    return Prediction(
        field="sentiment",
        value=assessment.value,
        confidence=assessment.confidence,
        source=source,
        reasoning=f"Tone words: {quoted}." if quoted else "No tone words found.",
        alternatives=(Alternative(next_best, rest),),
        evidence=assessment.evidence,
        calibrated=False,
    )
