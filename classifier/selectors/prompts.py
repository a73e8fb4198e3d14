"""Which prompt a ticket gets, and how the versions compare (C12)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Avg, Count, Q, Sum

from classifier.choices import CallPurpose, PromptVariant
from classifier.engine.types import TriageInput
from classifier.llm.prompts import Prompt, load_prompt
from classifier.models import LlmCall, Prediction, PromptVersion
from common.actors import Actor
from common.exceptions import NotFound
from common.memory import ShortMemory
from ticketing.choices import PERSON_STATES, TriageField
from ticketing.models import FieldDecision

COMPLEX_CHARACTERS: Final = 2_500
"""A text of this length tells several things; a prompt that reasons first pays there."""
SHIPPED: Final = "shipped"
_SHIPPED_EXAMPLES: Final = 4
_VARIANT_OF_FILE: Final = {
    "log": PromptVariant.LOG,
    "csv": PromptVariant.TABLE,
    "json": PromptVariant.TABLE,
    "xml": PromptVariant.TABLE,
    "xlsx": PromptVariant.TABLE,
    "pdf": PromptVariant.DOCUMENT,
    "docx": PromptVariant.DOCUMENT,
}


@dataclass(frozen=True, slots=True)
class ChosenPrompt:
    """The prompt of one ticket and how many confirmed tickets it shows as examples."""

    prompt: Prompt
    examples: int


_versions: ShortMemory[list[PromptVersion]] = ShortMemory()


def prompt_choose(*, client_id: int, item: TriageInput, key: str) -> ChosenPrompt:
    """The version for a ticket: its variant's, else the general one's, else the shipped prompt.

    Versions share the tickets by weight. The draw depends on ``key`` (the ticket's reference) alone, so that
    a ticket that is judged again is asked with the same words.
    """
    rows = _versions.get(
        (str(connection.settings_dict["NAME"]), client_id),
        lambda: list(
            PromptVersion.objects.active().for_client(client_id).filter(weight__gt=0).order_by("pk")
        ),
    )
    own = [row for row in rows if row.client_id == client_id] or rows
    for variant in (variant_of(item), PromptVariant.ANY):
        versions = [row for row in own if row.variant == variant]
        if versions:
            chosen = versions[_drawn(key, [row.weight for row in versions])]
            return ChosenPrompt(chosen.prompt, chosen.examples)
    return ChosenPrompt(load_prompt("fused"), _SHIPPED_EXAMPLES)


def prompt_named(*, client_id: int, name: str) -> ChosenPrompt:
    """The newest version of a name that a client may use, in use or not, or the one of a full version.

    ``shipped`` is the prompt of this release. Raises NotFound.
    """
    if name == SHIPPED:
        return ChosenPrompt(load_prompt("fused"), _SHIPPED_EXAMPLES)
    rows = PromptVersion.objects.for_client(client_id).order_by("-created_at", "-pk")
    for row in rows:
        if name in {row.name, row.prompt.version}:
            return ChosenPrompt(row.prompt, row.examples)
    raise NotFound(f"There is no prompt {name!r}.")


def variant_of(item: TriageInput) -> PromptVariant:
    """The kind of ticket a prompt may be written for."""
    by_file = _VARIANT_OF_FILE.get(item.file_type)
    if by_file is not None:
        return by_file
    return PromptVariant.COMPLEX if len(item.text) > COMPLEX_CHARACTERS else PromptVariant.ANY


def _drawn(key: str, weights: list[int]) -> int:
    """The place a key falls on when the weights are laid side by side."""
    digest = hashlib.sha256(f"prompt:{key}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64 * sum(weights)
    for place, weight in enumerate(weights):
        at -= weight
        if at < 0:
            return place
    return len(weights) - 1


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """One version in use: how often, how well, at what price. ``accuracy`` is in [0, 1] or unknown."""

    version: str
    calls: int
    failed: int
    cost: float
    latency_ms: float | None
    known: int
    accuracy: float | None


def prompt_figures(*, actor: Actor, since: datetime) -> list[PromptFigures]:
    """Every prompt version asked in daily work since a moment, the most used first.

    Accuracy counts the model's category against what a person decided, where one did.
    """
    mine = Q() if actor.client_ids is None else Q(client__in=actor.client_ids)
    rows = (
        LlmCall.objects.filter(mine, created_at__gte=since, purpose=CallPurpose.WORK)
        .exclude(prompt_version="")
        .order_by()
        .values("prompt_version")
        .annotate(
            calls=Count("pk"),
            failed=Count("pk", filter=~Q(outcome="ok")),
            cost=Sum("cost"),
            latency=Avg("latency_ms", filter=Q(outcome="ok")),
        )
    )
    right = _right_by_prompt(actor, since)
    found = []
    for row in rows:
        hits, known = right.get(row["prompt_version"], (0, 0))
        found.append(
            PromptFigures(
                version=row["prompt_version"],
                calls=row["calls"],
                failed=row["failed"],
                cost=float(row["cost"] or 0),
                latency_ms=row["latency"],
                known=known,
                accuracy=hits / known if known else None,
            )
        )
    return sorted(found, key=lambda item: -item.calls)


def _right_by_prompt(actor: Actor, since: datetime) -> dict[str, tuple[int, int]]:
    """Right answers and known ones by prompt version."""
    rows: Any = Prediction.objects.filter(
        field=TriageField.CATEGORY, source="llm", created_at__gte=since
    ).exclude(prompt_version="")
    if actor.client_ids is not None:
        rows = rows.filter(ticket__client__in=actor.client_ids)
    said = list(rows.values_list("ticket_id", "prompt_version", "value"))
    decided = dict(
        FieldDecision.objects.filter(
            ticket__in={ticket for ticket, _, _ in said}, field=TriageField.CATEGORY, state__in=PERSON_STATES
        ).values_list("ticket_id", "value")
    )
    counts: dict[str, tuple[int, int]] = {}
    for ticket, version, value in said:
        if ticket in decided:
            hits, known = counts.get(version, (0, 0))
            counts[version] = (hits + (decided[ticket] == value), known + 1)
    return counts
