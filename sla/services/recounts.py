"""Live clocks follow edited policies and calendars: owed with the edit, done in batches by a task (S3)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from sla.choices import RecountState
from sla.models import Clock, Policy, Recount
from sla.selectors import Promises
from sla.services.clocks import tickets_recount
from sla.services.repair import problem_keep
from teams.models import BusinessCalendar, Client
from ticketing.models import Ticket
from ticketing.services.tickets import tickets_lock

logger = structlog.get_logger(__name__)
LEASE = timedelta(minutes=3)
BATCH = 100
SECONDS = 60.0
"""How long one run works before it makes room for other tasks; the rest is owed still."""


class LeaseLost(RuntimeError):
    """Another run has taken the recount over; this one's batch is undone."""


def recount_owe(
    *, why: str, since: datetime, client: Client | None = None, calendar: BusinessCalendar | None = None
) -> Recount:
    """Owe a recount: of a calendar's clocks, else of the open tickets of a client, else of all.

    Runs in the transaction of the edit; the caller nudges the task.
    """
    recount = Recount(why=why[:200], since=since, client=client, calendar=calendar, next_at=since)
    recount.full_clean()
    recount.save(force_insert=True)
    return recount


@transaction.atomic
def policy_changed(*, policy: Policy, now: datetime) -> Recount:
    """Owe what an edited or new policy changes: its conditions may now fit any ticket it serves."""
    earlier = policy.history.order_by("-history_date", "-history_id").values_list("client_id", flat=True)[:2]
    moved = any(client_id != policy.client_id for client_id in earlier)
    client = None if moved else policy.client
    return recount_owe(why=f"The policy “{policy}” was changed.", since=now, client=client)


@transaction.atomic
def policy_delete(*, policy: Policy, now: datetime) -> Recount:
    """Delete a policy; what it promised follows the next one that fits, or is withdrawn."""
    recount = recount_owe(why=f"The policy “{policy}” was deleted.", since=now, client=policy.client)
    policy.delete()
    return recount


def recounts_owed(*, now: datetime) -> list[int]:
    """Recounts that nobody works on, the oldest first."""
    return list(Recount.objects.filter(_free(now)).order_by("pk").values_list("pk", flat=True)[:20])


def _free(now: datetime) -> Q:
    held = Q(lease_until__gte=now)
    return Q(state=RecountState.PENDING, next_at__lte=now) & ~(held & Q(lease_until__isnull=False))


def recount_run(*, recount_id: int, now: datetime, seconds: float = SECONDS) -> bool:
    """Work on a recount from where the last run ended; True when the time was up and more is owed.

    At-least-once and safe to repeat: a clock that has followed is left as it is. One ticket that fails is
    kept as a ``ClockProblem`` and stops no other.
    """
    token, until = uuid4(), time.monotonic() + seconds
    if not Recount.objects.filter(_free(now), pk=recount_id).update(
        lease_token=token, lease_until=now + LEASE, attempts=F("attempts") + 1
    ):
        return False
    recount = Recount.objects.get(pk=recount_id)
    while ids := _next(recount):
        _work(recount, ids, token)
        if time.monotonic() > until:
            _mine(recount, token).update(lease_token=None, lease_until=None)
            return True
    done = timezone.now()
    _mine(recount, token).update(
        state=RecountState.DONE, finished_at=done, lease_token=None, lease_until=None, updated_at=done
    )
    return False


def _mine(recount: Recount, token: UUID) -> QuerySet[Recount]:
    return Recount.objects.filter(pk=recount.pk, lease_token=token)


def _next(recount: Recount) -> list[int]:
    if recount.calendar_id is not None:
        clocks = Clock.objects.live().filter(policy__calendar=recount.calendar_id)
        rows = clocks.filter(ticket__gt=recount.position).order_by("ticket_id")
        return list(rows.values_list("ticket_id", flat=True).distinct()[:BATCH])
    tickets = Ticket.objects.open().filter(pk__gt=recount.position)
    if recount.client_id is not None:
        tickets = tickets.filter(client=recount.client_id)
    return list(tickets.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _work(recount: Recount, ids: Sequence[int], token: UUID) -> None:
    """One batch and its place in one transaction; when it fails, each ticket alone."""
    try:
        _batch(recount, ids, token)
    except LeaseLost:
        raise
    except Exception:
        if len(ids) > 1:
            for pk in ids:
                _work(recount, [pk], token)
            return
        logger.exception("recount_failed", ticket_id=ids[0])
        _skip(recount, ids[0], token)


@transaction.atomic
def _batch(recount: Recount, ids: Sequence[int], token: UUID) -> None:
    now = timezone.now()
    tickets = list(tickets_lock(ticket_ids=ids).values())
    changed = tickets_recount(tickets=tickets, promises=Promises(), since=recount.since, now=now)
    _advance(recount, token, position=ids[-1], changed=changed)


@transaction.atomic
def _skip(recount: Recount, ticket_id: int, token: UUID) -> None:
    ticket = Ticket.objects.filter(pk=ticket_id).first()
    if ticket is not None:
        problem_keep(ticket=ticket, reason="The clocks could not be counted anew.", now=timezone.now())
    _advance(recount, token, position=ticket_id, failed=1)


def _advance(recount: Recount, token: UUID, *, position: int, changed: int = 0, failed: int = 0) -> None:
    """Keep the place and the lease. Raises LeaseLost."""
    taken = Recount.objects.filter(pk=recount.pk, lease_token=token).update(
        position=position,
        changed=F("changed") + changed,
        failed=F("failed") + failed,
        lease_until=timezone.now() + LEASE,
        updated_at=timezone.now(),
    )
    if not taken:
        raise LeaseLost(f"Recount {recount.pk} is worked on by another run.")
    recount.position = position
