"""What lies behind a ticket: a bug, a wish for a feature, a refund, or something else."""

from __future__ import annotations

from typing import Final

from classifier.engine.phrases import PhraseIndex, is_negated, repeated_weight, words_of
from classifier.engine.types import Alternative, Evidence, Prediction

ROOT_CAUSES: Final = ("bug", "feature", "refund", "other")

_PHRASES: Final = {
    "refund": {
        3.0: (
            "refund|refunded|refunds|money back|reimburse|reimbursement|reimbursed|chargeback|charged twice|"
            "double charged|charged me twice|overcharged|return my money|credit note|rückerstattung|"
            "erstattung|"
            "geld zurück|rückzahlung"
        ),
        1.2: "return the item|return this item|billed twice|duplicate charge|cancel my order|wrong charge|"
        "stornierung",
    },
    "feature": {
        3.0: (
            "feature request|would be nice|would be great if|would love to see|would be helpful if|please "
            "add|"
            "could you add|can you add|add support for|add an option|it would help if|nice to have|"
            "enhancement|"
            "wish there was|wish i could|wäre schön|wäre toll|funktionswunsch"
        ),
        1.2: "suggestion|suggest|roadmap|improvement|new feature|missing feature|dark mode|vorschlag|"
        "verbesserung",
    },
    "bug": {
        2.0: (
            "bug|crash|crashes|crashed|crashing|stack trace|stacktrace|exception|traceback|segfault|"
            "regression|"
            "null pointer|blue screen|error code|error message|not working|doesn't work|does not work|"
            "stopped working|fails|failing|failed|broken|freezes|frozen|hangs|keeps disconnecting|"
            "funktioniert nicht|stürzt ab|absturz|fehlermeldung"
        ),
        1.0: (
            "error|issue|problem|glitch|wrong result|incorrect|unexpected|unable to|cannot|can't|timeout|"
            "times out|timed out|disconnects|offline|after the update|since the update|fehler|kaputt|defekt"
        ),
    },
}
_WEIGHTS: Final = {
    phrase: (cause, weight)
    for cause, by_weight in _PHRASES.items()
    for weight, joined in by_weight.items()
    for phrase in joined.split("|")
}
_INDEX: Final = PhraseIndex(_WEIGHTS)
_OTHER_PRIOR: Final = 1.0
_PRIOR: Final = 0.35
_CAP: Final = 0.88


def root_cause_prediction(text: str, *, source: str = "rules") -> Prediction:
    """Judge the root cause by what is asked for; with no sign the answer is ``other``."""
    words = words_of(text)
    found: dict[str, dict[str, float]] = {cause: {} for cause in ROOT_CAUSES}
    for hit in _INDEX.find(words):
        cause, weight = _WEIGHTS[hit.phrase]
        if not is_negated(words, hit.first):
            found[cause][hit.phrase] = weight
    # A wish is named by its words ("refund"); fault words also turn up inside wishes, so they add up slower.
    scores = {cause: repeated_weight(list(hits.values())) for cause, hits in found.items()}
    scores["other"] = _OTHER_PRIOR
    total = sum(scores.values()) + _PRIOR * len(ROOT_CAUSES)
    ranked = sorted(
        ((cause, (score + _PRIOR) / total) for cause, score in scores.items()), key=lambda i: -i[1]
    )
    value, confidence = ranked[0]
    named = ", ".join(f"“{phrase}”" for phrase in found[value])
    return Prediction(
        field="root_cause",
        value=value,
        confidence=round(min(_CAP, confidence), 4),
        source=source,
        reasoning=f"Named in the text: {named}." if named else "No sign of a bug, a wish or a refund.",
        alternatives=tuple(Alternative(cause, round(share, 4)) for cause, share in ranked[1:]),
        evidence=tuple(Evidence(phrase, weight) for phrase, weight in found[value].items()),
        calibrated=False,
    )
