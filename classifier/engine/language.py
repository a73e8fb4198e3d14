"""Which language a ticket is written in, out of the ones support teams here answer in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from classifier.engine.phrases import words_of
from classifier.engine.types import Alternative, Prediction

LANGUAGES: Final = ("en", "de", "fr", "es", "pt", "it", "nl", "pl")
DEFAULT_LANGUAGE: Final = "en"
_MIN_LETTERS: Final = 12
_MAX_CHARS: Final = 2_000
_SHORT_CONFIDENCE: Final = 0.30

# Function words decide short tickets, where letter statistics alone take "VPN broken again" for Polish.
_FUNCTION_WORDS: Final = {
    "en": "the and is my i to of you it not this with for have please when after cannot can't we on in was "
    "are",
    "de": "der die das und ist nicht ich mein meine wir mit für bitte kann auf ein eine nach seit wird "
    "habe zu",
    "fr": "le la les et est je mon ma pas nous avec pour une des du ne sur vous depuis bonjour",
    "es": "el los las es mi no con para una por que desde hola puedo se en de estoy",
    "pt": "o os as é meu minha não com para uma por que desde olá posso em da do estou",
    "it": "il lo gli è mio mia non con per una che da ciao posso di sono della",
    "nl": "het een en mijn niet met voor ik wij kan op sinds van zijn wordt naar",
    "pl": "jest nie mój moja się na do i w z że od proszę mogę po",
}
_FUNCTION_SETS: Final = {code: frozenset(joined.split()) for code, joined in _FUNCTION_WORDS.items()}
_FUNCTION_BONUS: Final = 0.12


@lru_cache(maxsize=1)
def _identifier() -> Any:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier


def detect_language(text: str) -> tuple[str, float]:
    """Return the ISO 639-1 code and a confidence; short text is English with a low one."""
    ranked = rank_languages(text)
    return ranked[0]


def rank_languages(text: str) -> list[tuple[str, float]]:
    """Return the languages by likelihood, best first."""
    sample = text[:_MAX_CHARS]
    if sum(character.isalpha() for character in sample) < _MIN_LETTERS:
        return [(DEFAULT_LANGUAGE, _SHORT_CONFIDENCE)]
    # The library reads a text in capitals as noise, and UTF-16 halves cannot be encoded at all.
    clean = sample.lower().encode("utf-8", "ignore").decode("utf-8")
    scores = {code: float(score) for code, score in _identifier().rank(clean)}
    forms = [word.form for word in words_of(clean)]
    for code, function_words in _FUNCTION_SETS.items():
        hits = sum(form in function_words for form in forms)
        scores[code] = (
            scores.get(code, 0.0) + _FUNCTION_BONUS * min(hits, 8) + (0.08 if code == "en" else 0.0)
        )
    total = sum(scores.values())
    # Ten words are enough to be sure; below that the share is pulled towards doubt.
    trust = 0.5 + 0.5 * min(1.0, len(forms) / 10)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return [(code, round(min(0.99, score / total * trust), 4)) for code, score in ranked]


def language_prediction(text: str, *, source: str = "rules") -> Prediction:
    """Put the detected language into the form every engine answers in."""
    ranked = rank_languages(text)
    code, confidence = ranked[0]
    return Prediction(
        field="language",
        value=code,
        confidence=confidence,
        source=source,
        reasoning="Letter statistics and function words." if len(ranked) > 1 else "Too short to tell.",
        alternatives=tuple(Alternative(other, score) for other, score in ranked[1:3]),
        calibrated=False,
    )
