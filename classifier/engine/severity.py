"""How bad it is: indicator phrases with negation, and the rule for combining engines (C15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from classifier.engine.phrases import (
    PhraseHit,
    PhraseIndex,
    Word,
    is_negated,
    word_set,
    words_before,
    words_of,
)
from classifier.engine.types import Alternative, Evidence, Prediction

LEVELS: Final = ("low", "medium", "high", "critical")
_RANK: Final = {level: rank for rank, level in enumerate(LEVELS)}
_CAP: Final = 0.97
_UNSURE_LEVEL: Final = "medium"
_UNSURE_CONFIDENCE: Final = 0.40
_TAXONOMY_WEIGHT: Final = {"critical": 0.75, "high": 0.65, "medium": 0.50, "low": 0.60}

# A weight is the chance, judged by hand, that the phrase alone means its level; they combine as
# independent signs.
_PHRASES: Final[Mapping[str, Mapping[float, str]]] = {
    "critical": {
        0.85: (
            "system down|systems down|production down|prod down|site down|website down|server down|servers "
            "down|"
            "network down|database down|checkout down|complete outage|total outage|full outage|major outage|"
            "service outage|production outage|outage affecting|data breach|security breach|ransomware|"
            "data loss|lost all data|all data lost|lost all our data|data was deleted|data has been deleted|"
            "customer data exposed|customer data leaked|data leak|actively exploited|files are encrypted|"
            "files have been encrypted|files got encrypted|losing money|losing revenue|revenue loss|loss of "
            "revenue|"
            "cannot take payments|can't take payments|cannot process payments|can't process payments|"
            "unable to process payments|cannot accept orders|can't accept orders|business is at a standstill|"
            "production stopped|production has stopped|production line stopped|plant is at a standstill|"
            "nobody can work|no one can work|nobody can log in|no one can log in|"
            "systemausfall|totalausfall|datenverlust|datenleck|produktionsstillstand|sicherheitsvorfall"
        ),
        0.70: (
            "outage|hacked|been hacked|compromised account of an administrator|unauthorized access|"
            "unauthorised access|"
            "intrusion|malware spreading|affecting all users|affects all users|all users affected|all users "
            "are affected|"
            "all customers affected|affecting all customers|affects all customers|entire company|whole "
            "company|"
            "company wide|entire office is down|whole office is down|data corruption|corrupted database|"
            "database is corrupted|ausfall"
        ),
    },
    "high": {
        0.75: (
            "asap|as soon as possible|immediately|right away|cannot work|can't work|unable to work|"
            "blocking|blocked|blocker|deadline|production issue|"
            "multiple users|several users|many users|whole team|entire team|whole department|entire "
            "department|"
            "all of us|everyone in|suspicious login|suspicious activity|phishing|virus|malware|stolen|"
            "fraud|fraudulent|charged twice|double charged|charged me twice|duplicate charge|unauthorized "
            "charge|"
            "locked out|security incident|vulnerability|legal action|lawyer|chargeback|dringend|sofort|"
            "umgehend|schnellstmöglich"
        ),
        0.60: (
            "urgent|urgently|emergency|critical|serious|severe|important|crash|crashes|crashed|crashing|"
            "not working at all|does not work at all|completely broken|stopped working|fails every time|"
            "unable to log in|cannot log in|can't log in|unable to login|cannot login|can't login|"
            "cannot access|can't access|unable to access|no access|unavailable|unreachable|offline|is down|"
            "are down|went down|escalate|escalation|escalated|overheating|smoke|burning smell|kritisch|"
            "wichtig"
        ),
    },
    "medium": {
        0.45: (
            "slow|sometimes|intermittent|intermittently|occasionally|workaround|error|issue|problem|"
            "not working|does not work|doesn't work|broken|fails|failed|failing|one user|only me|"
            "langsam|fehler|funktioniert nicht"
        ),
    },
    "low": {
        0.75: (
            "no rush|no hurry|not urgent|low priority|whenever you have time|when you have time|"
            "whenever convenient|when you get a chance|whenever you get a chance|no big deal|nice to have|"
            "cosmetic|typo|spelling mistake|just wondering|just curious|not a big deal|take your time|"
            "nicht dringend|keine eile|feature request|would be nice|would be great if|would love to see"
        ),
        0.55: (
            "minor|trivial|small question|quick question|general question|a question about|suggestion|"
            "how do i|how can i|how to|please add|could you add|could you explain|where can i find|"
            "information about|documentation|tippfehler|kleinigkeit|vorschlag|frage zu"
        ),
    },
}
_URGENCY_WORDS: Final = word_set(
    "urgent urgently emergency asap critical immediately dringend sofort wichtig important"
)
_SCOPE_PHRASES: Final = (
    "all users|every user|everyone|everybody|all customers|all employees|all staff|all our customers|"
    "company wide|"
    "whole company|entire company|all sites|all locations|all offices|production|nationwide|"
    "alle benutzer|alle nutzer|alle kunden|alle mitarbeiter"
)
_VITAL: Final = word_set(
    "system server site website production prod network database service platform "
    "checkout erp vpn internet "
    "gateway cluster datacenter backend api app application portal payment firewall shop store"
)
_DOWN: Final = frozenset({"down", "outage", "offline", "unreachable"})
_DOWN_REACH: Final = 4
_HYPOTHETICAL_REACH: Final = 4
_HYPOTHETICAL: Final = word_set(
    "if avoid prevent preventing planned scheduled plan upcoming potential "
    "possible hypothetical drill "
    "last past previous former resolved solved falls geplant"
)


@dataclass(frozen=True, slots=True)
class SeveritySignal:
    """A phrase that spoke for a level; negated and hypothetical ones are kept for the explanation."""

    phrase: str
    level: str
    weight: float
    start: int
    end: int
    negated: bool = False
    hypothetical: bool = False


@dataclass(frozen=True, slots=True)
class SeverityAssessment:
    """The level the indicators speak for, how strongly, and which they were."""

    value: str
    confidence: float
    signals: tuple[SeveritySignal, ...]
    by_level: Mapping[str, float]

    @property
    def urgency_indicators(self) -> tuple[str, ...]:
        """The phrases that speak for high or critical, as the text has them, each once."""
        live = (s.phrase for s in self.signals if not s.negated and _RANK[s.level] >= _RANK["high"])
        return tuple(dict.fromkeys(live))


@dataclass(frozen=True, slots=True)
class _Lexicon:
    index: PhraseIndex
    meaning: Mapping[str, tuple[str, float]]


def _build_lexicon(extra: tuple[tuple[str, tuple[str, ...]], ...]) -> _Lexicon:
    meaning: dict[str, tuple[str, float]] = {}
    for level, by_weight in _PHRASES.items():
        for weight, joined in by_weight.items():
            meaning.update(dict.fromkeys(joined.split("|"), (level, weight)))
    for level, phrases in extra:
        for phrase in (p.strip().casefold() for p in phrases):
            # A bare "urgent" says how somebody feels; C15 keeps critical for what has happened.
            target = "high" if level == "critical" and phrase in _URGENCY_WORDS else level
            if target in _RANK and phrase and phrase not in meaning:
                meaning[phrase] = (target, _TAXONOMY_WEIGHT[target])
    return _Lexicon(PhraseIndex(meaning), meaning)


_lexicon = lru_cache(maxsize=64)(_build_lexicon)
_scope_index = PhraseIndex(_SCOPE_PHRASES.split("|"))


def assess_severity(text: str, indicators: Mapping[str, Sequence[str]] | None = None) -> SeverityAssessment:
    """Judge the severity of ``text`` by indicator phrases, a taxonomy's own ones included."""
    words = words_of(text)
    extra = tuple((level, tuple(phrases)) for level, phrases in sorted((indicators or {}).items()))
    lexicon = _lexicon(extra)
    signals = [_signal(text, words, hit, *lexicon.meaning[hit.phrase]) for hit in lexicon.index.find(words)]
    signals += _vital_part_down(text, words, signals)
    by_level = _combine_signals(signals)
    _amplify(words, signals, by_level)
    value, confidence = _decide(by_level)
    return SeverityAssessment(value, confidence, tuple(signals), by_level)


def _signal(text: str, words: Sequence[Word], hit: PhraseHit, level: str, weight: float) -> SeveritySignal:
    own_negation = level == "low" and weight > 0.6
    negated = not own_negation and is_negated(words, hit.first)
    before = words_before(words, hit.first, reach=_HYPOTHETICAL_REACH)
    hypothetical = any(form in _HYPOTHETICAL for form in before) or ("case" in before and "of" in before)
    return SeveritySignal(text[hit.start : hit.end], level, weight, hit.start, hit.end, negated, hypothetical)


def _vital_part_down(
    text: str, words: Sequence[Word], known: Sequence[SeveritySignal]
) -> list[SeveritySignal]:
    """Find "the whole e-mail server has been down": a vital part and its fall a few words later."""
    taken = {(signal.start, signal.end) for signal in known if signal.level == "critical"}
    found: list[SeveritySignal] = []
    for position, word in enumerate(words):
        if word.form not in _DOWN:
            continue
        before = words_before(words, position, reach=_DOWN_REACH)
        if not any(form in _VITAL for form in before):
            continue
        if any(start <= word.start < end for start, end in taken):
            continue
        hit = PhraseHit(word.form, position, 1, word.start, word.end)
        found.append(_signal(text, words, hit, "critical", 0.55))
    return found


def _combine_signals(signals: Sequence[SeveritySignal]) -> dict[str, float]:
    doubt = dict.fromkeys(LEVELS, 1.0)
    seen: set[tuple[str, str]] = set()
    for signal in signals:
        key = (signal.level, signal.phrase.casefold())
        if key in seen:
            continue
        seen.add(key)
        if signal.negated:
            # "Not urgent" says that it is low; "no data loss" only that it is not critical.
            if signal.phrase.casefold() in _URGENCY_WORDS:
                doubt["low"] *= 0.35
            continue
        weight = signal.weight * (0.4 if signal.hypothetical else 1.0)
        doubt[signal.level] *= 1.0 - weight
    return {level: 1.0 - value for level, value in doubt.items()}


def _amplify(words: Sequence[Word], signals: Sequence[SeveritySignal], by_level: dict[str, float]) -> None:
    """Reach ("all users") and urgency strengthen a critical sign that is already there, never make one."""
    scope = any(not is_negated(words, hit.first) for hit in _scope_index.find(words))
    urgent = any(not s.negated and s.phrase.casefold() in _URGENCY_WORDS for s in signals)
    if by_level["critical"] >= 0.5:
        doubt = 1.0 - by_level["critical"]
        by_level["critical"] = 1.0 - doubt * (0.5 if scope else 1.0) * (0.6 if urgent else 1.0)
    elif scope:
        by_level["high"] = 1.0 - (1.0 - by_level["high"]) * 0.6


def _decide(by_level: Mapping[str, float]) -> tuple[str, float]:
    for level in ("critical", "high"):
        # A calm word elsewhere ("no rush") outweighs a weak alarm, never a strong one.
        if by_level[level] >= 0.5 and by_level[level] > by_level["low"] * (
            0.6 if level == "critical" else 0.9
        ):
            dissent = 0.25 * by_level["low"] if level == "high" else 0.0
            return level, round(min(_CAP, by_level[level] * (1.0 - dissent)), 4)
    if by_level["low"] >= 0.5 and by_level["low"] > by_level["medium"] * 0.9:
        return "low", round(min(0.85, by_level["low"] * (1.0 - 0.3 * by_level["medium"])), 4)
    if by_level["medium"] > 0.0:
        return _UNSURE_LEVEL, round(min(0.70, max(_UNSURE_CONFIDENCE, by_level["medium"])), 4)
    return _UNSURE_LEVEL, _UNSURE_CONFIDENCE


def severity_prediction(assessment: SeverityAssessment, *, source: str = "rules") -> Prediction:
    """Put an assessment into the form every engine answers in."""
    live = [s for s in assessment.signals if not s.negated]
    reasons = ", ".join(dict.fromkeys(f"“{s.phrase}”" for s in live if s.level == assessment.value))
    reasoning = f"Indicators of {assessment.value}: {reasons}." if reasons else "No severity indicator found."
    others = sorted(
        (
            (level, score)
            for level, score in assessment.by_level.items()
            if level != assessment.value and score
        ),
        key=lambda item: -item[1],
    )
    return Prediction(
        field="severity",
        value=assessment.value,
        confidence=assessment.confidence,
        source=source,
        reasoning=reasoning,
        alternatives=tuple(Alternative(level, round(min(_CAP, score), 4)) for level, score in others),
        evidence=tuple(Evidence(s.phrase, -s.weight if s.negated else s.weight) for s in assessment.signals),
        calibrated=False,
    )


def combine_severity(
    rules: Prediction | None, local: Prediction | None = None, llm: Prediction | None = None
) -> Prediction:
    """Combine the engines' severities (C15).

    Agreement strengthens, dissent weakens. An LLM alone can raise to high, never to critical: unless
    the rules or the local engine say critical too, the answer is high with critical as a suggestion.
    A clear critical sign of the rules stands whatever the models say.

    Raises ``ValueError`` when no engine answered.
    """
    votes = [vote for vote in (rules, local, llm) if vote is not None and vote.value in _RANK]
    if not votes:
        raise ValueError("No engine gave a severity.")
    if len(votes) == 1 and votes[0] is not llm:
        return votes[0]
    winner = _winning_level(rules, votes)
    alone = winner == "critical" and all(vote is llm for vote in votes if vote.value == "critical")
    if alone:
        return _held_at_high(votes, llm)
    return _verdict(winner, votes)


def _winning_level(rules: Prediction | None, votes: Sequence[Prediction]) -> str:
    if rules is not None and rules.value == "critical" and (rules.confidence or 0.0) >= 0.8:
        return "critical"
    support = {level: _support(level, votes) for level in LEVELS}
    return max(LEVELS, key=lambda level: (support[level], _RANK[level]))


def _support(level: str, votes: Sequence[Prediction]) -> float:
    doubt = 1.0
    for vote in votes:
        if vote.value == level:
            doubt *= 1.0 - min(_CAP, vote.confidence or 0.0)
    return 1.0 - doubt


_INDEPENDENCE: Final = 0.3


def _verdict(winner: str, votes: Sequence[Prediction]) -> Prediction:
    surest = max((vote.confidence or 0.0 for vote in votes if vote.value == winner), default=0.0)
    # The engines read the same words, so a second voice adds only part of what an independent one would.
    support = surest + _INDEPENDENCE * max(0.0, _support(winner, votes) - surest)
    for vote in votes:
        if winner not in (vote.value, "critical"):
            support *= 1.0 - 0.3 * (vote.confidence or 0.0)
    return _result(winner, min(_CAP, support), votes, "")


def _held_at_high(votes: Sequence[Prediction], llm: Prediction | None) -> Prediction:
    confidence = max(_support("high", votes), min(_CAP, (llm.confidence or 0.0) if llm else 0.0))
    note = "The language model alone said critical, which takes a second engine or a person."
    return _result("high", confidence, votes, note)


def _result(value: str, confidence: float, votes: Sequence[Prediction], note: str) -> Prediction:
    agreeing = [vote for vote in votes if vote.value == value]
    others = {vote.value: round(_support(vote.value, votes), 4) for vote in votes if vote.value != value}
    said = "; ".join(f"{vote.source}: {vote.value} ({vote.confidence or 0.0:.2f})" for vote in votes)
    detail = " ".join(part for part in (note, *(vote.reasoning for vote in agreeing)) if part)
    return Prediction(
        field="severity",
        value=value,
        confidence=round(confidence, 4),
        source="+".join(dict.fromkeys(vote.source for vote in agreeing or votes)),
        reasoning=f"{said}. {detail}".strip(),
        alternatives=tuple(
            Alternative(level, score) for level, score in sorted(others.items(), key=lambda item: -item[1])
        ),
        evidence=tuple(evidence for vote in votes for evidence in vote.evidence),
        calibrated=all(vote.calibrated for vote in agreeing) if agreeing else False,
    )
