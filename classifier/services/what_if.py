"""What would change: a threshold, model, rule or prompt tried on stored tickets before it is used (C25).

Nothing is written but the ledger of calls, where a prompt is tried with a real language model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from classifier.choices import ModelState
from classifier.engine.local import LocalEngine
from classifier.models import (
    LabelledExample,
    LocalModel,
    Prediction,
    PromptVersion,
    TrainingSet,
    WorkflowRun,
)
from classifier.pipeline import triage_compute
from classifier.selectors.prompts import ChosenPrompt
from classifier.services.context import FIELD_ACCEPT, triage_context
from classifier.services.execution import job_of
from classifier.services.language import llm_maker
from classifier.services.local_models import field_model
from classifier.steps.context import TriageContext
from classifier.steps.job import TriageResult
from common.actors import Actor
from common.exceptions import NotFound, ValidationFailed
from teams.models import Client
from ticketing.choices import PERSON_STATES, DecisionState, TriageField
from ticketing.models import FieldDecision, RoutingRule, Ticket

Progress = Callable[[int, int], None]
"""Told how many tickets are judged, and how many there are."""

MOST_TICKETS: Final = 300
MOST_ASKED: Final = 20
"""A prompt is tried with a real model: each ticket costs what a ticket costs."""
_COMPARED: Final = (TriageField.CATEGORY, TriageField.SEVERITY, TriageField.PRIORITY, TriageField.TEAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to try. Bounds are in [0, 1]; ``rule`` is tried switched the other way."""

    accept: float | None = None
    suggest: float | None = None
    model: LocalModel | None = None
    rule: RoutingRule | None = None
    prompt: PromptVersion | None = None

    @property
    def asks_model(self) -> bool:
        """Whether a language model is asked for every ticket."""
        return self.prompt is not None

    def in_words(self) -> str:
        """What is tried, for the list of trials."""
        parts = [
            f"applied from {self.accept:g}" if self.accept is not None else "",
            f"suggested from {self.suggest:g}" if self.suggest is not None else "",
            f"model {self.model}" if self.model else "",
            f"rule “{self.rule}” the other way" if self.rule else "",
            f"prompt {self.prompt}" if self.prompt else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One field's value with what becomes of it."""

    value: str
    state: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a ticket that would come out otherwise; ``decided`` is what a person said of it, if any."""

    ticket: Ticket
    field: str
    before: Outcome
    after: Outcome
    decided: str = ""


@dataclass(slots=True)
class Side:
    """Counts of one side; ``known`` are tickets a person decided and that taught neither side's model."""

    applied: int = 0
    applied_right: int = 0
    applied_known: int = 0
    review: int = 0
    accept: float = 0.0
    suggest: float = 0.0


@dataclass(slots=True)
class Comparison:
    """Both sides over the same tickets, and where they differ."""

    tickets: int = 0
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    differences: list[Difference] = field(default_factory=list)


def what_if(
    *, client: Client, change: Change, last: int, actor: Actor, progress: Progress | None = None
) -> Comparison:
    """Judge the client's newest tickets as they are judged now, and with the change; list the differences.

    What people decided is left out of the judging and used to say which side is right. ``progress`` is told
    the tickets judged and those there are; what it raises ends the comparison. Raises NotFound for a
    client, model, rule or prompt out of reach, ValidationFailed for a change that changes nothing.
    """
    what_if_check(client=client, change=change, actor=actor)
    now = triage_context(client=client)
    then = _changed(now, change)
    seconds = settings.WORKFLOW_TIMEOUT_SECONDS if change.asks_model else 0.0
    limit = MOST_ASKED if change.asks_model else MOST_TICKETS
    newest = Ticket.objects.visible_to(actor).filter(client=client, taxonomy=now.taxonomy)
    rows = list(newest.select_related("requester").order_by("-pk")[: max(1, min(last, limit))])
    decided, taught = _decided(rows), _taught(rows, now, change)
    comparison = Comparison(tickets=len(rows))
    for side, context in ((comparison.before, now), (comparison.after, then)):
        side.accept, side.suggest = context.thresholds.accept, context.thresholds.suggest
    for place, ticket in enumerate(rows):
        if progress is not None:
            progress(place, len(rows))
        right = decided.get(ticket.pk, {})
        before, after = (_judged(ticket, context, seconds) for context in (now, then))
        judged = {} if ticket.pk in taught else right
        _count(comparison.before, before, judged)
        _count(comparison.after, after, judged)
        comparison.differences += differences(ticket, _outcomes(before), _outcomes(after), right)
    return comparison


def replay(*, run: WorkflowRun) -> list[Difference]:
    """Judge a stored decision again as things are now, and say what would come out otherwise.

    The language model is not asked: where it decided then, the difference shows what it was worth.
    """
    ticket = run.ticket
    kept = {
        row.field: Outcome(row.value, row.state, row.confidence)
        for row in Prediction.objects.filter(run=run, field__in=_COMPARED)
    }
    context = triage_context(client=ticket.client, taxonomy=ticket.taxonomy)
    again = _outcomes(_judged(ticket, context, 0.0))
    return differences(ticket, kept, again, _decided([ticket]).get(ticket.pk, {}))


def what_if_check(*, client: Client, change: Change, actor: Actor) -> None:
    """Everything tried belongs to the client or to everybody. Raises NotFound, ValidationFailed."""
    if not (actor.is_lead and actor.may_see_client(client.pk)):
        raise NotFound(_("There is no such client."))
    owners = [row.client_id for row in (change.rule, change.prompt) if row is not None]
    if change.model is not None:
        owners.append(change.model.taxonomy.client_id)
    if any(owner not in {None, client.pk} for owner in owners):
        raise NotFound(_("There is nothing of this name to try."))
    if change == Change():
        raise ValidationFailed(_("Choose something to change."))
    if change.accept is not None and change.suggest is not None and change.suggest > change.accept:
        raise ValidationFailed(
            _("A value cannot be suggested from a higher confidence than it is applied from.")
        )


def _changed(now: TriageContext, change: Change) -> TriageContext:
    accept = now.thresholds.accept if change.accept is None else change.accept
    suggest = now.thresholds.suggest if change.suggest is None else change.suggest
    bounds = now.thresholds
    if change.accept is not None or change.suggest is not None:
        per_field = {name: min(bound, accept) for name, bound in FIELD_ACCEPT.items()}
        bounds = replace(bounds, accept=accept, suggest=min(suggest, accept), per_field=per_field)
    then = replace(now, thresholds=bounds, toggled_rule_id=change.rule.pk if change.rule else None)
    if change.model is not None:
        then = replace(then, local=_with_model(now, change.model))
    if change.prompt is not None:
        chosen = ChosenPrompt(change.prompt.prompt, change.prompt.examples)
        maker = llm_maker(client=now.client, taxonomy_id=now.taxonomy.pk, spec=now.spec, prompt=chosen)
        if maker is None:
            raise ValidationFailed(_("No language model is configured that could read the prompt."))
        then = replace(then, make_llm=maker)
    return then


def _with_model(now: TriageContext, row: LocalModel) -> LocalEngine:
    """The models in use, with one in the place of its field's."""
    found = field_model(row=row)
    if found is None or row.taxonomy_id != now.taxonomy.pk:
        raise NotFound(_("The model cannot be read, or belongs to another taxonomy."))
    others = dict(now.local.models) if now.local else {}
    return LocalEngine({**others, row.field: found}, f"{row.field}:{row.version}")


def _judged(ticket: Ticket, context: TriageContext, seconds: float) -> TriageResult:
    job = replace(job_of(ticket=ticket, llm_seconds=seconds), given={}, want_duplicates=False)
    return triage_compute(job, context)


def _decided(tickets: Iterable[Ticket]) -> dict[int, dict[str, str]]:
    """What people said of these tickets, by ticket and field."""
    found: dict[int, dict[str, str]] = {}
    rows = FieldDecision.objects.filter(ticket__in=[t.pk for t in tickets], state__in=PERSON_STATES)
    for pk, name, value in rows.values_list("ticket_id", "field", "value"):
        found.setdefault(pk, {})[name] = value
    return found


def _taught(tickets: Iterable[Ticket], now: TriageContext, change: Change) -> set[int]:
    """Tickets whose labels taught a model of either side: being right about these proves nothing."""
    models = LocalModel.objects.filter(taxonomy=now.taxonomy, field=TriageField.CATEGORY)
    used = models.filter(Q(state=ModelState.ACTIVE) | Q(pk=change.model.pk if change.model else None))
    hashes = used.values_list("snapshot_hash", flat=True)
    sets = TrainingSet.objects.filter(taxonomy=now.taxonomy, snapshot_hash__in=hashes)
    examples = {row[0] for rows in sets.values_list("rows", flat=True) for row in rows}
    own = LabelledExample.objects.filter(ticket__in=[ticket.pk for ticket in tickets])
    return {ticket or 0 for pk, ticket in own.values_list("pk", "ticket_id") if pk in examples}


def _outcomes(result: TriageResult) -> dict[str, Outcome]:
    return {
        name: Outcome(item.value, item.state, item.confidence)
        for name, item in result.fields.items()
        if name in _COMPARED
    }


def _count(side: Side, result: TriageResult, right: dict[str, str]) -> None:
    category = result.fields.get(TriageField.CATEGORY)
    side.review += result.needs_review
    if category is None or category.state != DecisionState.APPLIED:
        return
    side.applied += 1
    if TriageField.CATEGORY in right:
        side.applied_known += 1
        side.applied_right += category.value == right[TriageField.CATEGORY]


def differences(
    ticket: Ticket, before: dict[str, Outcome], after: dict[str, Outcome], right: dict[str, str]
) -> list[Difference]:
    """The fields whose value or fate differs; a confidence that only moves within its band is none."""
    nothing = Outcome("", str(DecisionState.HELD), None)
    found = []
    for name in _COMPARED:
        old, new = before.get(name, nothing), after.get(name, nothing)
        if (old.value, old.state) != (new.value, new.state):
            found.append(Difference(ticket, str(name), old, new, right.get(name, "")))
    return found
