"""Background work of ticketing."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from teams.models import Team
from teams.services.presence import presences_return
from ticketing.services.absence import absences_hand_on
from ticketing.services.handout import queues_hand_out, waiting_hand_out
from ticketing.services.search import search_repair

LOOK_BACK = timedelta(days=2)


@shared_task(soft_time_limit=120, time_limit=150)
def hand_out(team_id: int) -> int:
    """Give out a team's waiting tickets. At-least-once; each is claimed, so a second run finds nothing."""
    team = Team.objects.select_related("calendar").filter(pk=team_id).first()
    return waiting_hand_out(team=team, now=timezone.now()) if team else 0


@shared_task(soft_time_limit=240, time_limit=270)
def sweep_queues() -> int:
    """Who came back is available, absent members' tickets move, every queue is given out.

    At-least-once; every step is conditional, so repeating is safe. Finds what a lost message left undone,
    and what no message tells: working hours that begin and absences that end.
    """
    now = timezone.now()
    presences_return(now=now)
    absences_hand_on(now=now)
    return sum(queues_hand_out(now=now).values())


@shared_task(time_limit=1800, soft_time_limit=1740)
def repair_search() -> int:
    """Mend the search documents of what changed in the last two days. At-least-once; a second run changes
    nothing.
    """
    return search_repair(since=timezone.now() - LOOK_BACK)[0]
