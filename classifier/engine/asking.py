"""Whether a ticket asks for something to be done or given, or reports that something does not work."""

from __future__ import annotations

from typing import Final

from classifier.engine.phrases import PhraseIndex, Word, is_negated, repeated_weight, word_set, words_of
from classifier.engine.root_cause import root_cause_prediction

_VERBS: Final = (
    "reserve|install|uninstall|add|set up|create|order|provide|activate|grant|enable|assign|extend|remove|"
    "prepare|deliver|book|collect|pick up|increase|make|allow|publish|send me|give me"
)
_STARTS: Final = ("please", "can you", "could you")
_ASKED: Final = {
    2.0: "|".join(f"{start} {verb}" for start in _STARTS for verb in _VERBS.split("|"))
    + "|bitte installieren|bitte einrichten|bitte anlegen|bitte bestellen|bitte freischalten",
    1.5: (
        "request for|order of|order for|installation of|activation of|reservation of|reserve a|purchase of|"
        "i would like|we would like|i'd like|would like to have|need access|needs access|new starter|"
        "new colleague|new employee|new joiner|new hire|leaver|"
        "bestellung|freischaltung|installation von"
    ),
    1.0: "we need a new|i need a new|no hurry|not urgent|approved by|ich hätte gern|quantity",
}  # fmt: skip
_TROUBLE: Final = (
    "vanished|missing|swelling|gone|skipped|suddenly|no longer|slow|slowly|lost|wrong|suspicious|pretending|"
    "stolen|full|exhausted|blocked|denied|refused|stuck|flickers|dead|drops|warning|alarm|outage|down|"
    "since the|does not|did not|will not|nicht mehr|defekt|seit dem"
)
_OPENINGS: Final = word_set(
    "activate activation assign create decommission extend extension extra install installation "
    "refresh remove request reservation reserve upgrade bestellung einrichtung freischaltung"
)
_WEIGHTS: Final = {phrase: weight for weight, joined in _ASKED.items() for phrase in joined.split("|")}
_ASKING: Final = PhraseIndex(_WEIGHTS)
_FAULTS: Final = PhraseIndex(_TROUBLE.split("|"))
_OPENS: Final = 3.0
_ENOUGH: Final = 2.0


def asks_for_something(subject: str, body: str) -> bool:
    """True for a wish (an installation, an order, an access), False for a fault and where nothing tells.

    A subject that opens with the wish decides most, one that names trouble makes it a fault. Words of trouble
    outweigh what is asked for in passing: whoever asks for a repair has a fault.
    """
    text = f"{subject}\n{body}"
    words = words_of(text)
    asked = [_WEIGHTS[phrase] for phrase in _said(_ASKING, words)]
    heading = words_of(subject)
    if any(word.form in _OPENINGS for word in heading[:1]):
        asked.append(_OPENS)
    elif _said(_FAULTS, heading):
        return False
    cause = root_cause_prediction(text)
    trouble = [part.weight for part in cause.evidence] if cause.value == "bug" else []
    trouble += [1.0] * len(_said(_FAULTS, words))
    total = repeated_weight(asked)
    return total >= _ENOUGH and total > repeated_weight(trouble)


def _said(index: PhraseIndex, words: list[Word]) -> set[str]:
    return {hit.phrase for hit in index.find(words) if not is_negated(words, hit.first)}
