"""The engine that is always there: keywords and indicator phrases, no training (C5).

Its confidence is a share of the evidence, smoothed towards ignorance: near uniform where nothing matches,
higher with every further keyword, and never claimed to be calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from classifier.engine.language import language_prediction
from classifier.engine.phrases import (
    PhraseHit,
    PhraseIndex,
    Word,
    repeated_weight,
    word_set,
    words_before,
    words_of,
)
from classifier.engine.root_cause import root_cause_prediction
from classifier.engine.sentiment import assess_sentiment, sentiment_prediction
from classifier.engine.severity import assess_severity, severity_prediction
from classifier.engine.summary import summary_prediction
from classifier.engine.types import Alternative, CategorySpec, Evidence, Prediction, TaxonomySpec, TriageInput

_SMOOTHING: Final = 0.35
_CAP: Final = 0.85
_SUBJECT_FACTOR: Final = 1.5
_DESCRIPTION_WEIGHT: Final = 0.25
_NAME_WEIGHT: Final = 1.0
_SECONDARY_SHARE: Final = 0.5
_SECONDARY_SCORE: Final = 1.5
_MAX_SECONDARY: Final = 3
_STOP_WORDS: Final = word_set(
    "and the for with from that this are not all any other can cannot such like "
    "etc into about their your our its "
    "when which who how what use used using request requests issue issues problem problems question "
    "questions "
    "user users general everything else und oder der die das mit von für"
)


@dataclass(frozen=True, slots=True)
class RulesAnalysis:
    """Everything the rules see in one input, in the form the single steps of the API answer with."""

    predictions: dict[str, Prediction]
    scores: Mapping[str, float]
    keywords_matched: tuple[str, ...]
    urgency_indicators: tuple[str, ...]
    secondary_categories: tuple[str, ...]


class RulesEngine:
    """Answers every field by rules; one instance per taxonomy, safe to share between threads."""

    name = "rules"

    def __init__(self, taxonomy: TaxonomySpec) -> None:
        self.taxonomy = taxonomy
        self._meaning = _keyword_weights(taxonomy.categories)
        self._index = PhraseIndex(self._meaning)

    def predict(self, batch: Sequence[TriageInput]) -> list[dict[str, Prediction]]:
        """Return category, severity, sentiment, root cause, language and summary for each input."""
        return [self.analyse(item).predictions for item in batch]

    def analyse(self, item: TriageInput) -> RulesAnalysis:
        """Judge one input and keep the keywords and indicators that decided."""
        text = item.text
        hits, evidence = self._category_evidence(item)
        scores = {slug: repeated_weight(list(found.values())) for slug, found in evidence.items()}
        category = self._category(scores, evidence)
        severity = assess_severity(text, self.taxonomy.severity_indicators)
        predictions = {
            "severity": severity_prediction(severity),
            "sentiment": sentiment_prediction(assess_sentiment(text)),
            "root_cause": root_cause_prediction(text),
            "language": language_prediction(text),
            "summary": summary_prediction(item.body, item.subject),
        }
        if category is not None:
            predictions = {"category": category, **predictions}
        return RulesAnalysis(
            predictions,
            scores,
            tuple(hits.get(category.value, ())) if category is not None else (),
            severity.urgency_indicators,
            _secondary(scores, category.value if category else ""),
        )

    def _category_evidence(
        self, item: TriageInput
    ) -> tuple[dict[str, list[str]], dict[str, dict[str, float]]]:
        """Return the keywords matched by category, as the taxonomy spells them, and their weights."""
        matched: dict[str, list[str]] = {}
        weights: dict[str, dict[str, float]] = {slug: {} for slug in self.taxonomy.slugs}
        for part, factor in ((item.subject, _SUBJECT_FACTOR), (item.body, 1.0)):
            words = words_of(part)
            for hit in self._index.find(words):
                if _is_ruled_out(words, hit):
                    continue
                for slug, weight in self._meaning[hit.phrase].items():
                    known = weights[slug].get(hit.phrase, 0.0)
                    weights[slug][hit.phrase] = max(known, weight * factor)
                    if weight > _DESCRIPTION_WEIGHT and hit.phrase not in matched.setdefault(slug, []):
                        matched[slug].append(hit.phrase)
        return matched, weights

    def _category(
        self, scores: Mapping[str, float], evidence: Mapping[str, Mapping[str, float]]
    ) -> Prediction | None:
        if not scores:
            return None
        total = sum(scores.values()) + _SMOOTHING * len(scores)
        ranked = sorted(
            ((slug, min(_CAP, (score + _SMOOTHING) / total)) for slug, score in scores.items()),
            key=lambda entry: -entry[1],
        )
        value, confidence = ranked[0]
        found = sorted(evidence[value].items(), key=lambda entry: -entry[1])
        named = ", ".join(f"“{phrase}”" for phrase, _ in found[:6])
        return Prediction(
            field="category",
            value=value,
            confidence=round(confidence, 4),
            source=self.name,
            reasoning=f"Keywords: {named}." if named else "No keyword of any category was found.",
            alternatives=tuple(Alternative(slug, round(share, 4)) for slug, share in ranked[1:]),
            evidence=tuple(Evidence(phrase, round(weight, 3)) for phrase, weight in found),
            calibrated=False,
        )


def _keyword_weights(categories: Sequence[CategorySpec]) -> dict[str, dict[str, float]]:
    """Map each phrase to the categories it speaks for; one shared by several counts less for each."""
    raw: dict[str, dict[str, float]] = {}
    for category in categories:
        for phrase, weight in _phrases_of(category).items():
            owners = raw.setdefault(phrase, {})
            owners[category.slug] = max(weight, owners.get(category.slug, 0.0))
    return {
        phrase: {slug: weight / len(owners) for slug, weight in owners.items()}
        for phrase, owners in raw.items()
    }


def _phrases_of(category: CategorySpec) -> dict[str, float]:
    weights: dict[str, float] = {}
    for word in words_of(category.description):
        if len(word.form) > 3 and word.form not in _STOP_WORDS:
            weights[word.form] = _DESCRIPTION_WEIGHT
    for name in (category.slug.replace("_", " "), category.name):
        key = " ".join(word.form for word in words_of(name))
        if key and key not in _STOP_WORDS:
            weights[key] = _NAME_WEIGHT
    for keyword in category.keywords:
        key = " ".join(word.form for word in words_of(keyword))
        if key:
            # Two words together are rarer than one and say more than twice as much.
            weights[key] = max(weights.get(key, 0.0), {1: 1.0, 2: 2.2}.get(len(key.split()), 3.0))
    return weights


def _is_ruled_out(words: Sequence[Word], hit: PhraseHit) -> bool:
    """Tell whether the writer says what it is not: "not a network issue", "nothing to do with billing"."""
    before = words_before(words, hit.first, reach=4)
    if before[:1] in (["a"], ["an"], ["the"]):
        before = before[1:]
        return before[:1] in (["not"], ["isn't"], ["isnt"])
    return before[:4] == ["with", "do", "to", "nothing"] or before[:3] == ["to", "related", "not"]


def _secondary(scores: Mapping[str, float], chosen: str) -> tuple[str, ...]:
    """Return the other categories that have good evidence of their own."""
    best = scores.get(chosen, 0.0)
    others = [
        (score, slug)
        for slug, score in scores.items()
        if slug != chosen and score >= _SECONDARY_SCORE and score >= _SECONDARY_SHARE * best
    ]
    return tuple(slug for _, slug in sorted(others, key=lambda entry: -entry[0])[:_MAX_SECONDARY])
