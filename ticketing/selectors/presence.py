"""What a person sees of the own place in the teams."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from teams.models import BusinessCalendar, Team, TeamMember, User
from ticketing.models import Ticket
from ticketing.querysets import statuses_in


@dataclass(frozen=True, slots=True)
class Place:
    """A team of a person, the tickets the person has there, and the hours in which more are given."""

    team: Team
    capacity: int
    load: int
    skills: list[str]
    hours: BusinessCalendar | None


def places_of(person: User) -> list[Place]:
    """The person's teams, in a constant number of queries."""
    members = TeamMember.objects.filter(user=person, team__is_active=True).select_related("team__calendar")
    rows = Ticket.objects.filter(assignee=person, status__in=statuses_in("open", "waiting"))
    counted = rows.filter(Q(team__waiting_counts=True) | Q(status__in=statuses_in("open")))
    held = list(counted.values_list("team_id", flat=True))
    return [
        Place(
            team=row.team,
            capacity=row.capacity,
            load=held.count(row.team_id),
            skills=row.skills,
            hours=person.calendar or row.team.calendar,
        )
        for row in members.order_by("team__name")
    ]
