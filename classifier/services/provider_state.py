"""The page of language models: state of each breaker, spending, pause, resume, a trial (C9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import structlog
from django.db.models import Avg, Count, Q, Sum
from django.utils.translation import gettext as _

from classifier.choices import ProviderStep
from classifier.engine.guard import guard
from classifier.engine.types import TriageInput
from classifier.llm.breaker import BreakerState
from classifier.llm.budget import Period, period_start
from classifier.llm.client import LlmClient
from classifier.llm.config import ConfigurationError, ProviderConfig
from classifier.llm.deadline import Deadline
from classifier.llm.fused import answer_schema, build_messages
from classifier.llm.types import Departure, LlmError
from classifier.models import LlmCall, LlmProvider
from classifier.selectors.prompts import prompt_choose
from classifier.selectors.spaces import remote_embedding
from classifier.services.context import taxonomy_spec
from classifier.services.language import few_shot
from classifier.services.llm import (
    LedgerRows,
    breaker_of,
    client_limits,
    client_with,
    marker_secret,
)
from classifier.services.providers import environment_providers, provider_chain, provider_config
from classifier.services.remote_vectors import PROVIDER as VECTORS
from classifier.services.remote_vectors import embedding_provider
from common.actors import Actor
from common.exceptions import Conflict, NotAllowed, NotFound
from common.wording import within_sentence
from teams.models import Client

logger = structlog.get_logger(__name__)
PAUSE: Final = timedelta(days=1)
_ENVIRONMENT: Final = "environment"


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One model as the page shows it. Money is in dollars, ``latency_ms`` the mean of answered calls."""

    key: str
    name: str
    owner: str
    kind: str
    model: str
    use: str
    internal: bool
    state: str
    reason: str
    until: datetime | None
    recent_failures: int
    recent_calls: int
    calls_day: int
    failed_day: int
    latency_ms: float | None
    spent_today: Decimal
    spent_month: Decimal
    may_operate: bool
    may_try: bool
    priced: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClientSpending:
    """What one client spent and may spend, in dollars; a limit of None is none."""

    client: Client
    today: Decimal
    month: Decimal
    daily_limit: Decimal | None
    monthly_limit: Decimal | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial sent, exactly, and what came back."""

    sent: list[dict[str, str]] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    failure: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    latency_ms: int = 0

    @property
    def text_sent(self) -> str:
        """The message that held the text: the last one."""
        return self.sent[-1]["content"] if self.sent else ""


@dataclass(frozen=True, slots=True)
class _Known:
    """A model with the row it comes from, or none for the environment's."""

    key: str
    config: ProviderConfig | None
    row: LlmProvider | None
    problem: str = ""
    gives_vectors: bool = False

    @property
    def ledger_name(self) -> str:
        """The provider's name in the ledger."""
        if self.gives_vectors:
            return VECTORS
        return self.config.name if self.config else ""

    @property
    def shown_name(self) -> str:
        """What it is called on the page."""
        if self.gives_vectors:
            return _("Vectors of tickets, from the environment")
        return self.row.name if self.row else _("From the environment")

    @property
    def use(self) -> str:
        """What it is asked for."""
        if self.gives_vectors:
            return _("Similar tickets, in the background")
        return (
            f"{self.row.get_step_display()}, {within_sentence(self.row.get_tier_display())}"
            if self.row
            else _("Everything")
        )

    @property
    def client(self) -> Client | None:
        return self.row.client if self.row else None


def provider_states(*, actor: Actor, now: datetime) -> list[ProviderState]:
    """The models that may be asked for the actor's clients, those of the environment last."""
    return [_state(item, actor, now) for item in _known(actor)]


def spending(*, actor: Actor, now: datetime) -> list[ClientSpending]:
    """What each of the actor's clients spent today and this month, in UTC."""
    moment = now.astimezone(UTC)
    today, month = (period_start(moment, period) for period in (Period.DAY, Period.MONTH))
    clients = list(Client.objects.visible_to(actor).active().order_by("name"))
    spent = {
        row["client"]: row
        for row in LlmCall.objects.filter(client__in=clients, created_at__gte=month)
        .order_by()
        .values("client")
        .annotate(today=Sum("cost", filter=Q(created_at__gte=today)), month=Sum("cost"))
    }
    limits = client_limits(client_ids=[client.pk for client in clients])
    nothing: dict[str, Any] = {"today": None, "month": None}
    return [
        ClientSpending(
            client=client,
            today=spent.get(client.pk, nothing)["today"] or Decimal(0),
            month=spent.get(client.pk, nothing)["month"] or Decimal(0),
            daily_limit=limits[client.pk].daily,
            monthly_limit=limits[client.pk].monthly,
        )
        for client in clients
    ]


def _known(actor: Actor) -> list[_Known]:
    rows = LlmProvider.objects.visible_to(actor).active().select_related("client", "credential")
    found = []
    for row in rows.order_by("client__name", "position", "pk"):
        try:
            found.append(_Known(f"row-{row.pk}", provider_config(row=row), row))
        except (ConfigurationError, Conflict) as error:
            found.append(_Known(f"row-{row.pk}", None, row, str(error)))
    environment = environment_providers()
    found += [_Known(f"{_ENVIRONMENT}-{place}", item, None) for place, item in enumerate(environment)]
    vectors = remote_embedding()
    if vectors is not None:
        found.append(_Known(VECTORS, embedding_provider(config=vectors), None, gives_vectors=True))
    return found


def _state(item: _Known, actor: Actor, now: datetime) -> ProviderState:
    config, row = item.config, item.row
    snapshot = breaker_of(config).snapshot() if config else None
    record = snapshot.record if snapshot else None
    waits = record is not None and record.state is not BreakerState.CLOSED
    figures = _figures(item, actor, now)
    return ProviderState(
        key=item.key,
        name=item.shown_name,
        owner=item.client.name if item.client else ("All clients" if row else "Clients without their own"),
        kind=row.get_kind_display() if row else (config.kind.value.title() if config else ""),
        model=config.model if config else (row.model if row else ""),
        use=item.use,
        internal=bool(config and config.internal),
        state=str(record.state) if record else "unusable",
        reason=record.reason if record and waits else "",
        until=datetime.fromtimestamp(record.until, UTC) if record and waits and record.until else None,
        recent_failures=snapshot.failures if snapshot else 0,
        recent_calls=snapshot.calls if snapshot else 0,
        may_operate=_may_operate(item, actor),
        may_try=not item.gives_vectors,
        priced=bool(config and (config.price_input or config.price_output)),
        problem=item.problem,
        **figures,
    )


def _figures(item: _Known, actor: Actor, now: datetime) -> dict[str, Any]:
    """Calls and money of one model, of the actor's clients only."""
    moment = now.astimezone(UTC)
    day, today = now - timedelta(days=1), period_start(moment, Period.DAY)
    month = period_start(moment, Period.MONTH)
    config = item.config
    rows = LlmCall.objects.filter(created_at__gte=min(day, month))
    if config is None:
        rows = rows.none()
    else:
        rows = rows.filter(credential=config.credential, provider=item.ledger_name, model=config.model)
    if actor.client_ids is not None:
        rows = rows.filter(client__in=actor.client_ids)
    found = rows.aggregate(
        calls_day=Count("pk", filter=Q(created_at__gte=day)),
        failed_day=Count("pk", filter=Q(created_at__gte=day) & ~Q(outcome__in=["ok", "sent"])),
        latency_ms=Avg("latency_ms", filter=Q(created_at__gte=day, outcome="ok")),
        spent_today=Sum("cost", filter=Q(created_at__gte=today)),
        spent_month=Sum("cost", filter=Q(created_at__gte=month)),
    )
    return {**found, "spent_today": found["spent_today"] or 0, "spent_month": found["spent_month"] or 0}


def _may_operate(item: _Known, actor: Actor) -> bool:
    """A shared model serves every client: only an administrator pauses it."""
    if item.config is None:
        return False
    if actor.sees_every_client:
        return True
    return actor.is_lead and item.client is not None and actor.may_see_client(item.client.pk)


def _named(key: str, actor: Actor) -> _Known:
    for item in _known(actor):
        if item.key == key and item.config is not None:
            return item
    raise NotFound(_("There is no such language model."))


def provider_seen(*, key: str, actor: Actor) -> None:
    """Raises NotFound unless the actor may see the model and it can be asked."""
    _named(key, actor)


def provider_pause(*, key: str, actor: Actor) -> None:
    """Ask a model nothing for a day. Raises NotFound, NotAllowed."""
    _operated(key, actor).force_open(PAUSE.total_seconds())
    logger.info("llm_provider_paused", provider=key, by=actor.label)


def provider_resume(*, key: str, actor: Actor) -> None:
    """Ask a model again at once. Raises NotFound, NotAllowed."""
    _operated(key, actor).reset()
    logger.info("llm_provider_resumed", provider=key, by=actor.label)


def _operated(key: str, actor: Actor) -> Any:
    item = _named(key, actor)
    if not _may_operate(item, actor) or item.config is None:
        raise NotAllowed(_("This language model serves other clients too; an administrator decides."))
    return breaker_of(item.config)


class _Watched(LedgerRows):
    """The ledger, and a copy of what went into it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Departure] = []

    def left(self, departure: Departure) -> None:
        """Record, then remember."""
        super().left(departure)
        self.sent.append(departure)


def provider_try(*, key: str, client: Client, text: str, actor: Actor) -> Trial:
    """Send one text through all layers as a ticket of the client would be, and show what left and came back.

    It costs what a ticket costs and stands in the ledger. Raises NotFound for a model or client out of reach.
    """
    item = _named(key, actor)
    if item.gives_vectors or item.config is None:
        raise NotFound(_("There is no such language model."))
    if not actor.may_see_client(client.pk) or item.client not in {None, client}:
        raise NotFound(_("There is no such language model."))
    ledger = _Watched()
    taxonomy = client.ticketing_settings.taxonomy
    spec = taxonomy_spec(taxonomy=taxonomy, categories=list(taxonomy.categories.filter(is_active=True)))
    seen = TriageInput(body=guard(text).text)
    chosen = prompt_choose(client_id=client.pk, item=seen, key="trial")
    # Confirmed tickets go only to models that the client's tickets go to; the typed text is the lead's own.
    asked_anyway = item.config in provider_chain(client_id=client.pk, step=ProviderStep.TRIAGE).primary
    count = chosen.examples if asked_anyway else 0
    examples = few_shot(client=client, taxonomy_id=taxonomy.pk, item=seen, count=count)
    messages = build_messages(seen, spec, prompt=chosen.prompt, examples=examples, secret=marker_secret())
    asked: LlmClient = client_with(item.config, ledger)
    try:
        done = asked.complete(
            messages,
            answer_schema(spec.slugs),
            client=str(client.pk),
            deadline=Deadline.after(item.config.timeout_seconds),
            prompt_version=chosen.prompt.version,
        )
    except LlmError as error:
        return Trial(sent=_sent(ledger), failure=f"{error.kind.value.replace('_', ' ')}: {error.message}")
    return Trial(
        sent=_sent(ledger),
        answer=done.parsed.model_dump(mode="json"),
        tokens_in=done.usage.input_tokens,
        tokens_out=done.usage.output_tokens,
        cost=done.cost,
        latency_ms=done.latency_ms,
    )


def _sent(ledger: _Watched) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.text} for departure in ledger.sent for m in departure.messages]
