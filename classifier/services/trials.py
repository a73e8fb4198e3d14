"""Trials of a change as jobs: owed with the request, claimed with a lease, shown while they go on (C25)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from classifier.choices import TrialState
from classifier.models import LocalModel, PromptVersion, WhatIfTrial
from classifier.services.what_if import Change, Comparison, Difference, Outcome, Side, what_if, what_if_check
from common.actors import Actor
from common.exceptions import ApplicationError, Conflict
from teams.models import Client, User
from teams.selectors import actor_for_user
from ticketing.models import RoutingRule, Ticket

logger = structlog.get_logger(__name__)
_LEASE: Final = timedelta(seconds=120)
"""Renewed with every step of progress; a ticket takes a second, or as long as a language model may."""
_MOST_ATTEMPTS: Final = 2
_KEPT: Final = timedelta(days=30)


class _LostLeaseError(Exception):
    """Somebody else has the trial now."""


@transaction.atomic
def trial_request(*, client: Client, change: Change, last: int, actor: Actor, user: User) -> WhatIfTrial:
    """Owe a trial of a change on the client's newest tickets.

    Raises NotFound for what is out of the actor's reach, ValidationFailed for a change that changes nothing.
    """
    what_if_check(client=client, change=change, actor=actor)
    trial = WhatIfTrial(
        client=client, asked_by=user, summary=change.in_words()[:300], parameters=_parameters(change, last)
    )
    trial.full_clean()
    trial.save()
    return trial


def trial_process(*, trial_id: int) -> bool:
    """Claim and judge; False when it is done, held by somebody else, or failed.

    At-least-once: a second call finds the claim taken. A change that went out of reach meanwhile fails with
    the sentence that says so; it is judged with the rights the asking person has now.
    """
    token = _claim(trial_id, timezone.now())
    if token is None:
        return False
    trial = WhatIfTrial.objects.select_related("client", "asked_by").get(pk=trial_id)
    try:
        comparison = what_if(
            client=trial.client,
            change=_change(trial.parameters),
            last=int(trial.parameters["last"]),
            actor=actor_for_user(trial.asked_by),
            progress=lambda done, total: _progress(trial_id, token, done, total),
        )
    except _LostLeaseError:
        return False
    except ApplicationError as error:
        _close(trial_id, token, state=TrialState.FAILED, error=error.sentence[:300])
        return False
    except Exception:
        logger.exception("trial_failed", trial=str(trial.uuid))
        again = trial.attempts < _MOST_ATTEMPTS
        _close(trial_id, token, state=TrialState.PENDING if again else TrialState.FAILED, error=_BROKEN)
        return False
    return _close(trial_id, token, state=TrialState.COMPLETED, result=_stored(comparison))


_BROKEN: Final = "Something went wrong while the tickets were judged; the log says what."


def due_trials(*, now: datetime) -> list[int]:
    """Ids of trials that are owed and that nobody holds; those whose every attempt died are closed."""
    free = Q(state=TrialState.PENDING) | Q(state=TrialState.RUNNING, lease_until__lt=now)
    rows = WhatIfTrial.objects.filter(free, next_at__lte=now)
    rows.filter(attempts__gte=_MOST_ATTEMPTS).update(
        state=TrialState.FAILED, error=_BROKEN, finished_at=now, lease_token=None, lease_until=None
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:50])


def old_trials_delete(*, now: datetime) -> int:
    """Drop trials that nobody looks at any more; returns how many."""
    return WhatIfTrial.objects.filter(created_at__lt=now - _KEPT).delete()[0]


def trial_comparison(*, trial: WhatIfTrial, actor: Actor) -> Comparison | None:
    """What came of a trial, with the tickets the actor may see; None while there is nothing."""
    stored = trial.result
    if not stored:
        return None
    ids = {row["ticket"] for row in stored["differences"]}
    tickets = Ticket.objects.visible_to(actor).in_bulk(ids)
    return Comparison(
        tickets=stored["tickets"],
        before=Side(**stored["before"]),
        after=Side(**stored["after"]),
        differences=[
            Difference(
                ticket=tickets[row["ticket"]],
                field=row["field"],
                before=Outcome(**row["before"]),
                after=Outcome(**row["after"]),
                decided=row["decided"],
            )
            for row in stored["differences"]
            if row["ticket"] in tickets
        ],
    )


def _parameters(change: Change, last: int) -> dict[str, Any]:
    rows = {"model": change.model, "rule": change.rule, "prompt": change.prompt}
    ids = {name: row.pk if row is not None else None for name, row in rows.items()}
    return {"accept": change.accept, "suggest": change.suggest, "last": last, **ids}


def _change(parameters: Mapping[str, Any]) -> Change:
    """The change as its rows are now; one that was deleted meanwhile is out of reach."""
    models: dict[str, Any] = {"model": LocalModel, "rule": RoutingRule, "prompt": PromptVersion}
    found = {name: model.objects.filter(pk=parameters[name]).first() for name, model in models.items()}
    if any(parameters[name] is not None and found[name] is None for name in models):
        raise Conflict(_("What was to be tried has been deleted meanwhile."))
    return Change(accept=parameters["accept"], suggest=parameters["suggest"], **found)


def _stored(comparison: Comparison) -> dict[str, Any]:
    return {
        "tickets": comparison.tickets,
        "before": asdict(comparison.before),
        "after": asdict(comparison.after),
        "differences": [
            {
                "ticket": row.ticket.pk,
                "field": row.field,
                "before": asdict(row.before),
                "after": asdict(row.after),
                "decided": row.decided,
            }
            for row in comparison.differences
        ],
    }


def _claim(trial_id: int, now: datetime) -> UUID | None:
    token = uuid4()
    free = Q(state=TrialState.PENDING) | Q(state=TrialState.RUNNING, lease_until__lt=now)
    rows = WhatIfTrial.objects.filter(free, pk=trial_id, next_at__lte=now, attempts__lt=_MOST_ATTEMPTS)
    claimed = rows.update(
        state=TrialState.RUNNING,
        lease_token=token,
        lease_until=now + _LEASE,
        attempts=F("attempts") + 1,
        done=0,
    )
    return token if claimed else None


def _progress(trial_id: int, token: UUID, done: int, total: int) -> None:
    """Show how far it is and keep the lease; stop where somebody else has it."""
    rows = WhatIfTrial.objects.filter(pk=trial_id, lease_token=token)
    if not rows.update(done=done, total=total, lease_until=timezone.now() + _LEASE):
        raise _LostLeaseError


def _close(
    trial_id: int, token: UUID, *, state: str, result: dict[str, Any] | None = None, error: str = ""
) -> bool:
    """Write the end if the lease is still ours."""
    return bool(
        WhatIfTrial.objects.filter(pk=trial_id, lease_token=token).update(
            state=state,
            result=result or {},
            error=error,
            finished_at=timezone.now(),
            lease_token=None,
            lease_until=None,
        )
    )
