"""What the review page shows: the next item, its text with marked words, its choices (C4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, IntegerField, Value, When
from django.utils.translation import gettext

from classifier.models import ReviewItem, SecondOpinion
from common.actors import Actor
from teams.models import Team
from ticketing.choices import AttachmentStatus, DecisionState, TriageField
from ticketing.models import FieldDecision, Ticket
from ticketing.selectors.desk_ticket import field_options

UNDO_WINDOW: Final = timedelta(hours=12)
TEXT_SHOWN: Final = 20_000
_LEAST_SHOWN: Final = 0.005
_ASKED: Final = (TriageField.CATEGORY, TriageField.SEVERITY, TriageField.TEAM)


def item_next(actor: Actor, passed: Collection[int] = ()) -> ReviewItem | None:
    """The most urgent open item; what the person skipped comes last.

    ``passed`` names items that the page already holds, so that it can fetch what comes after them.
    """
    skipped = Case(
        When(**{f"answer__skipped__user_{actor.user_id}": True}, then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    rows = _with_ticket(ReviewItem.objects.visible_to(actor).open().exclude(pk__in=passed))
    item: ReviewItem | None = rows.annotate(skipped=skipped).order_by("skipped", "-urgency", "pk").first()
    return item


def _with_ticket(rows: Any) -> Any:
    return rows.select_related("ticket__requester", "ticket__client", "ticket__taxonomy", "ticket__team")


def item_last_answered(actor: Actor, *, now: datetime) -> ReviewItem | None:
    """The person's latest answer that can still be taken back."""
    rows = ReviewItem.objects.answered_by(actor).filter(reviewed_at__gte=now - UNDO_WINDOW)
    item: ReviewItem | None = rows.order_by("-reviewed_at", "-pk").first()
    return item


def opinion_next(actor: Actor, passed: Collection[int] = ()) -> SecondOpinion | None:
    """The oldest answer that waits for this person's second opinion, behind those the page already holds."""
    waiting = SecondOpinion.objects.waiting_for(actor).exclude(pk__in=passed)
    rows = waiting.select_related(
        "item__ticket__requester", "item__ticket__client", "item__ticket__taxonomy", "item__ticket__team"
    )
    opinion: SecondOpinion | None = rows.order_by("pk").first()
    return opinion


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the person is: answered in the last hours, and all there is to do."""

    done: int
    total: int


def progress_of(actor: Actor, *, now: datetime) -> Progress:
    """Answers of the last hours beside what still waits."""
    done = ReviewItem.objects.answered_by(actor).filter(reviewed_at__gte=now - UNDO_WINDOW).count()
    waiting = ReviewItem.objects.visible_to(actor).open().count()
    return Progress(done, done + waiting)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text; marked where its weight is above zero."""

    text: str
    weight: float = 0.0


def marked(text: str, evidence: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The text cut where words spoke for the answer; overlapping finds become one mark."""
    weights = {
        str(row["text"]).casefold(): float(row.get("weight", 1.0)) for row in evidence if row.get("text")
    }
    positive = {word: weight for word, weight in weights.items() if weight > 0}
    spans = sorted((start, end, weight) for start, end, weight in _finds(text, positive))
    parts: list[Part] = []
    at = 0
    for start, end, weight in spans:
        if end <= at:
            continue
        begin = max(start, at)
        if begin > at:
            parts.append(Part(text[at:begin]))
        parts.append(Part(text[begin:end], weight))
        at = end
    if at < len(text):
        parts.append(Part(text[at:]))
    return parts


def _finds(text: str, words: Mapping[str, float]) -> Iterable[tuple[int, int, float]]:
    for word, weight in words.items():
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, word.split())) + r"(?!\w)"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield match.start(), match.end(), weight


@dataclass(frozen=True, slots=True)
class ReviewChoice:
    """One answer with its confidence, where the engine gave one."""

    value: str
    label: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class ReviewField:
    """One question; a blind item hides value, confidence and order of likelihood."""

    field: str
    label: str
    value: str
    state: str
    confidence: float | None
    source: str
    choices: list[ReviewChoice]


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """One item as the page shows it."""

    pk: int
    ticket: Ticket
    subject_parts: list[Part]
    body_parts: list[Part]
    blind: bool
    reasons: list[str]
    fields: list[ReviewField] = field(default_factory=list)


def review_page(item: ReviewItem, *, second: bool = False) -> ReviewPage:
    """The item's text and questions. Nothing of a blind item's prediction leaves this function.

    For a ``second`` opinion every item is blind.
    """
    ticket, blind = item.ticket, item.is_blind or second
    rows = {row.field: row for row in ticket.decisions.filter(field__in=_ASKED)}
    options = field_options(ticket)
    category = rows.get(TriageField.CATEGORY)
    evidence = [] if blind or category is None else category.evidence
    return ReviewPage(
        pk=item.pk,
        ticket=ticket,
        subject_parts=marked(ticket.subject, evidence),
        body_parts=marked(_text_of(ticket), evidence),
        blind=blind,
        reasons=[] if blind else list(item.reasons),
        fields=[_field(name, rows.get(name), options[name], blind=blind) for name in _ASKED],
    )


def _text_of(ticket: Ticket) -> str:
    files = ticket.attachments.filter(status=AttachmentStatus.PARSED).order_by("pk")
    texts = [text for text in files.values_list("text", flat=True) if text and text not in ticket.body]
    return "\n\n".join(part for part in (ticket.body, *texts) if part)[:TEXT_SHOWN]


def _field(
    name: str, row: FieldDecision | None, options: list[tuple[str, str]], *, blind: bool
) -> ReviewField:
    label = str(TriageField(name).label)
    if blind or row is None:
        choices = [ReviewChoice(value, text, None) for value, text in options]
        return ReviewField(name, label, "", DecisionState.HELD.value, None, "", choices)
    likely = {
        item["value"]: item["confidence"]
        for item in row.alternatives
        if (item.get("confidence") or 0.0) >= _LEAST_SHOWN
    }
    likely[row.value] = row.confidence
    known = {value for value, _ in options}
    if row.value and row.value not in known:
        # Such as an escalation team, which nobody picks by hand but routing may.
        options = [(row.value, _label(name, row)), *options]
    choices = [ReviewChoice(value, text, likely.get(value)) for value, text in options]
    if name != TriageField.SEVERITY:
        choices.sort(key=lambda choice: (choice.value != row.value, -(choice.confidence or 0.0)))
    return ReviewField(name, label, row.value, row.state, row.confidence, row.source, choices)


def _label(name: str, row: FieldDecision) -> str:
    """The name of a suggestion that is not among the usual choices."""
    team = Team.objects.for_client(row.ticket.client_id).filter(slug=row.value) if name == "team" else None
    found = team.values_list("name", flat=True).first() if team is not None else None
    return found or row.value.replace("_", " ").capitalize()


def blind_verdict(item: ReviewItem) -> str:
    """What triage had said of an answered blind item, in words."""
    predicted = {
        name: row.get("value", "") if isinstance(row, dict) else str(row) for name, row in item.frozen.items()
    }
    answered = item.answer.get("decisions", {})
    same = [name for name, value in answered.items() if predicted.get(name) == value]
    if len(same) == len(answered):
        return gettext("Triage had said the same.")
    differing = ", ".join(
        f"{name} “{predicted[name].replace('_', ' ')}”"
        for name in answered
        if name in predicted and name not in same
    )
    return (
        gettext("Triage had said otherwise: %(differing)s.") % {"differing": differing}
        if differing
        else gettext("Triage had made no prediction.")
    )
