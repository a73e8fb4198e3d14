"""What could change the outcome of triage, as one name (C2)."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db.models import Max

from classifier.choices import ModelState
from classifier.llm.prompts import load_prompt
from classifier.models import LlmProvider, LocalModel, PromptVersion
from ticketing.models import Ticket


def configuration_hash(*, ticket: Ticket) -> str:
    """Names taxonomy, models, thresholds and prompt without loading any of them."""
    models = LocalModel.objects.filter(taxonomy_id=ticket.taxonomy_id, state=ModelState.ACTIVE)
    edited = ticket.taxonomy.categories.aggregate(latest=Max("updated_at"))["latest"]
    own = ticket.client.ticketing_settings
    asked = [
        rows.for_client(ticket.client_id).aggregate(latest=Max("updated_at"))["latest"]
        for rows in (LlmProvider.objects.active(), PromptVersion.objects.active())
    ]
    llm = sorted((name, value) for name, value in settings.LLM_ENVIRONMENT.items() if "KEY" not in name)
    parts = [
        str(ticket.taxonomy_id),
        *(f"{uuid}" for uuid in models.order_by("field").values_list("uuid", flat=True)),
        str(edited),
        f"{own.accept_threshold}/{own.suggest_threshold}/{own.allow_external_llm}",
        f"{settings.AI_ACCEPT_THRESHOLD}/{settings.AI_CONFIDENCE_THRESHOLD}",
        f"{llm}{load_prompt('fused').version}" if llm or any(asked) else "",
        *(str(latest) for latest in asked if latest),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
