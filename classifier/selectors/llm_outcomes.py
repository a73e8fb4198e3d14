"""How often a language model was right where a person has decided: what its own confidence is worth (C6)."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

from classifier.choices import StepStatus
from classifier.engine.calibration import ConfidenceMap
from classifier.models import WorkflowStep
from ticketing.choices import PERSON_STATES
from ticketing.models import FieldDecision

LEARNED_FIELDS: Final = ("category", "severity")
ENOUGH_OUTCOMES: Final = 50
_NEWEST: Final = 2_000
_KEPT_SECONDS: Final = 600


def known_outcomes(
    *, client_id: int, taxonomy_id: int, model: str, prompt_version: str, field: str
) -> list[tuple[float, bool]]:
    """The model's stated confidence with whether a person agreed, for its newest answers with this prompt.

    Of one client and taxonomy alone: what others confirm says nothing of these tickets, and must not apply
    anything to them. Two things pull the figures apart and neither is corrected: reviewed tickets are harder
    than most, and people tend to agree with what they are shown.
    """
    rows = (
        WorkflowStep.objects.filter(
            name__startswith="classify_llm",
            status=StepStatus.COMPLETED,
            model=model,
            prompt_version=prompt_version,
            run__client=client_id,
            run__ticket__taxonomy=taxonomy_id,
        )
        .order_by("-pk")
        .values_list("run__ticket_id", "output")[:_NEWEST]
    )
    said = {ticket: output.get(field) for ticket, output in reversed(list(rows)) if output.get(field)}
    decided = FieldDecision.objects.filter(ticket__in=said, field=field, state__in=PERSON_STATES).values_list(
        "ticket_id", "value"
    )
    return [
        (float(said[ticket]["confidence"]), said[ticket]["value"] == value)
        for ticket, value in decided
        if said[ticket].get("confidence") is not None
    ]


def confidence_maps(
    *, client_id: int, taxonomy_id: int, model: str, prompt_version: str
) -> dict[str, ConfidenceMap]:
    """By field, the map from stated to earned confidence, where at least fifty outcomes are known."""
    return _maps(client_id, taxonomy_id, model, prompt_version, int(time.time() // _KEPT_SECONDS))


@lru_cache(maxsize=256)
def _maps(
    client_id: int, taxonomy_id: int, model: str, prompt_version: str, _epoch: int
) -> dict[str, ConfidenceMap]:
    maps = {}
    for field in LEARNED_FIELDS:
        outcomes = known_outcomes(
            client_id=client_id,
            taxonomy_id=taxonomy_id,
            model=model,
            prompt_version=prompt_version,
            field=field,
        )
        if len(outcomes) >= ENOUGH_OUTCOMES:
            maps[field] = ConfidenceMap.fit(outcomes)
    return maps
