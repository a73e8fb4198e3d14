"""Labelled examples: the shipped starter set, and what people's answers add to it (C4, C7)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypedDict

import yaml
from django.db import transaction
from django.utils.translation import gettext

from classifier.choices import ExampleSource
from classifier.engine.redaction import redact
from classifier.engine.types import TriageInput
from classifier.models import LabelledExample
from common.actors import Actor
from common.exceptions import ValidationFailed
from ticketing.choices import PERSON_STATES, AttachmentStatus, TriageField
from ticketing.models import Category, Taxonomy, Ticket

STARTER_EXAMPLES = Path(__file__).resolve().parent.parent / "defaults" / "examples"
TEXT_LIMIT = 20_000
"""Characters of a ticket that an example keeps; the rest adds time to training and no label."""


class ExampleState(TypedDict):
    """What an example said before it was changed, so that the change can be taken back."""

    category_id: int
    severity: str
    team_slug: str
    source: str
    labelled_by_id: int | None
    is_active: bool


def starter_examples_load(*, taxonomy: Taxonomy, folder: Path = STARTER_EXAMPLES) -> int:
    """Add the shipped examples of a taxonomy that are not there yet; returns how many are new.

    A taxonomy without a file has none. Raises ValidationFailed for a category the taxonomy does not have.
    """
    path = folder / f"{taxonomy.slug}.yaml"
    if not path.exists():
        return 0
    rows: list[dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    categories = {row.slug: row for row in Category.objects.filter(taxonomy=taxonomy)}
    unknown = sorted({row["category"] for row in rows} - set(categories))
    if unknown:
        raise ValidationFailed(
            gettext("%(name)s names categories that do not exist: %(unknown)s.")
            % {"name": path.name, "unknown": ", ".join(unknown)}
        )
    before = LabelledExample.objects.filter(taxonomy=taxonomy).count()
    LabelledExample.objects.bulk_create(
        [
            LabelledExample(
                taxonomy=taxonomy,
                text=row["text"],
                text_hash=hash_of(row["text"]),
                category=categories[row["category"]],
                severity=row.get("severity", ""),
                team_slug=row.get("team", ""),
                source=ExampleSource.STARTER,
            )
            for row in rows
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    return LabelledExample.objects.filter(taxonomy=taxonomy).count() - before


def hash_of(text: str) -> str:
    """Names a text regardless of case and spacing."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def example_record(*, ticket: Ticket, source: str, actor: Actor) -> LabelledExample | None:
    """Keep the ticket's text with the labels a person gave it; None where nobody decided the category.

    What an engine said is left out: a model that learns from guesses confirms itself. One example a ticket: a
    later answer replaces the earlier one. Personal data is taken out of the text.
    """
    decided = set(ticket.decisions.filter(state__in=PERSON_STATES).values_list("field", flat=True))
    if ticket.category_id is None or TriageField.CATEGORY not in decided:
        return None
    team = ticket.team if TriageField.TEAM in decided else None
    text = _text_of(ticket)
    values: dict[str, Any] = {
        "taxonomy_id": ticket.taxonomy_id,
        "client_id": ticket.client_id,
        "text": text,
        "text_hash": hash_of(text),
        "category_id": ticket.category_id,
        "severity": ticket.severity if TriageField.SEVERITY in decided else "",
        "team_slug": team.slug if team else "",
        "source": source,
        "labelled_by_id": actor.user_id,
        "is_active": True,
    }
    example, _ = LabelledExample.objects.update_or_create(ticket=ticket, defaults=values)
    return example


def _text_of(ticket: Ticket) -> str:
    """What the engines read of the ticket: subject, body and the text of its files, redacted."""
    files = ticket.attachments.filter(status=AttachmentStatus.PARSED).order_by("pk")
    body = "\n\n".join(part for part in (ticket.body, *files.values_list("text", flat=True)) if part)
    subject = "" if body.startswith(ticket.subject.removesuffix("…")) else ticket.subject
    return redact(TriageInput(body=body[:TEXT_LIMIT], subject=subject).text).text


def example_state(*, ticket: Ticket) -> ExampleState | None:
    """What the ticket's example says now; None where there is none."""
    row = LabelledExample.objects.filter(ticket=ticket).first()
    if row is None:
        return None
    return ExampleState(
        category_id=row.category_id,
        severity=row.severity,
        team_slug=row.team_slug,
        source=row.source,
        labelled_by_id=row.labelled_by_id,
        is_active=row.is_active,
    )


def example_restore(*, ticket: Ticket, state: ExampleState | None) -> None:
    """Put the ticket's example back to what it said, or take it away where there was none."""
    rows = LabelledExample.objects.filter(ticket=ticket)
    if state is None:
        rows.delete()
    else:
        rows.update(**state)
