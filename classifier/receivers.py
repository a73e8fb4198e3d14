"""Where ticketing's events become triage work."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from classifier.choices import ExampleSource, Purpose
from classifier.models import WorkflowRun
from classifier.services.draft_use import draft_settle
from classifier.services.examples import example_record
from classifier.services.reviews import review_settle
from classifier.services.runs import BULK, WITHOUT_LLM, run_request, runs_request_of_import
from classifier.tasks import triage
from common.actors import Actor
from common.queueing import enqueue_on_commit
from teams.selectors import flag_enabled
from ticketing.choices import ImportTriage, TriageIntent
from ticketing.models import Message, Ticket, TicketBatch

_JUDGED = frozenset({"subject", "body"})


def request_triage(*, ticket: Ticket, actor: Actor, intent: str, **_: Any) -> None:
    """A new ticket owes a run; an inline one is leased to the request that waits for it."""
    if intent == TriageIntent.NONE:
        return
    inline = intent == TriageIntent.INLINE
    marks = {BULK: True} if intent == TriageIntent.BULK else {}
    run = run_request(ticket=ticket, inline=inline, parameters=marks)
    if not inline:
        enqueue_on_commit(triage, run.pk)


def request_triage_of_change(*, ticket: Ticket, actor: Actor, fields: frozenset[str], **_: Any) -> None:
    """What was judged has changed, so it is judged again."""
    if fields & _JUDGED and ticket.triaged_at is not None:
        enqueue_on_commit(triage, run_request(ticket=ticket).pk)


def request_draft(*, ticket: Ticket, run_uuid: UUID, needs_review: bool, **_: Any) -> None:
    """The draft is a second run after apply, so that it cites the real SLA target; none where not wanted."""
    if not flag_enabled("ENABLE_RESPONSE_GENERATION", client_id=ticket.client_id):
        return
    run = WorkflowRun.objects.filter(uuid=run_uuid).first()
    if run is not None and run.parameters.get(WITHOUT_LLM):
        return  # A ticket of an import gets its draft when a person asks for one.
    draft = run_request(ticket=ticket, purpose=Purpose.DRAFT, follows=run)
    enqueue_on_commit(triage, draft.pk)


def request_triage_of_import(*, batch: TicketBatch, actor: Actor, triage: str, **_: Any) -> None:
    """Whoever imported wants the open tickets sorted: never by a language model.

    The parameter named ``triage`` is the choice made, not the task.
    """
    if triage == ImportTriage.LOCAL:
        runs_request_of_import(batch=batch)


def settle_review(*, ticket: Ticket, actor: Actor, decisions: dict[str, str], **_: Any) -> None:
    """A person decided somewhere else: the open review has nothing left to ask."""
    if actor.is_person:
        review_settle(ticket=ticket)


def keep_example(*, ticket: Ticket, actor: Actor, decisions: dict[str, str], **_: Any) -> None:
    """What staff or a service confirm or correct anywhere is learned from; requesters teach nothing."""
    if actor.is_person and actor.is_staff:
        example_record(ticket=ticket, source=ExampleSource.REVIEW, actor=actor)


def settle_draft(
    *, ticket: Ticket, message: Message, actor: Actor, draft_uuid: UUID | None = None, **_: Any
) -> None:
    """A reply was made from a draft: keep whether it was sent as it was."""
    if draft_uuid is not None and message.is_public:
        draft_settle(ticket=ticket, draft_uuid=draft_uuid, body=message.body, actor=actor)
