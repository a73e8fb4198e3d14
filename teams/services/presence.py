"""Whether a person takes new work, and coming back by itself (R1)."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import NotAllowed, ValidationFailed
from teams import events
from teams.choices import Presence
from teams.models import Team, User

logger = structlog.get_logger(__name__)


def may_set_presence(*, user: User, actor: Actor) -> bool:
    """Everybody the own; a lead that of people who work for one of the lead's clients."""
    if actor.user_id == user.pk or (actor.is_lead and actor.sees_every_client):
        return True
    return actor.is_lead and User.objects.visible_to(actor).filter(pk=user.pk).exists()


@transaction.atomic
def presence_set(
    *, user: User, presence: str, actor: Actor, now: datetime, until: datetime | None = None
) -> User:
    """Say whether a person takes work; ``until`` ends an absence by itself. Emits ``presence_changed``.

    Raises NotAllowed for a stranger, ValidationFailed for an end that is past or that belongs to no absence.
    """
    if not may_set_presence(user=user, actor=actor):
        raise NotAllowed(_("Only the person and the leads set this."))
    if presence not in Presence.values:
        raise ValidationFailed(fields={"presence": [_("There is no such presence.")]})
    if until is not None and until <= now:
        raise ValidationFailed(fields={"until": [_("The end of the absence lies in the past.")]})
    if until is not None and presence == Presence.AVAILABLE:
        raise ValidationFailed(fields={"until": [_("Only an absence has an end.")]})
    locked: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    was_present = locked.is_present(now=now)
    locked.presence, locked.away_until = presence, until
    if presence == Presence.AVAILABLE:
        locked.absent_since = None
    elif was_present or locked.absent_since is None:
        locked.absent_since = now
    locked.save(update_fields=["presence", "away_until", "absent_since"])
    logger.info("presence_set", user=locked.pk, presence=presence, by=actor.label)
    events.presence_changed.publish(user=locked)
    return locked


@transaction.atomic
def presences_return(*, now: datetime) -> int:
    """Make people available whose absence is over; returns how many. Emits ``presence_changed`` for each.

    They were given work from that moment on already; this is what their colleagues see of it.
    """
    returned = 0
    for user in User.objects.exclude(presence=Presence.AVAILABLE).filter(away_until__lte=now):
        # Conditional: the person may have said something else meanwhile.
        rows = User.objects.filter(pk=user.pk, away_until=user.away_until, presence=user.presence)
        if rows.update(presence=Presence.AVAILABLE, away_until=None, absent_since=None):
            events.presence_changed.publish(user=user)
            returned += 1
    return returned


@transaction.atomic
def team_announce(*, team: Team) -> None:
    """Tell that a team was changed in the back office. Emits ``team_changed``."""
    events.team_changed.publish(team=team)
