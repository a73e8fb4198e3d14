"""Where a ticket goes when a team cannot solve it (C17, R1)."""

from __future__ import annotations

from teams.models import EscalationStep, Team
from ticketing.models import Ticket


def escalation_next(*, ticket: Ticket) -> Team | None:
    """The next team of the path the ticket is on; None at its end.

    A step of a path seldom has a path of its own: then the path of the team goes on that the ticket came
    from. A team that is out of use, or not the client's, is passed over.
    """
    if ticket.team_id is None:
        return None
    came_from = ticket.assignments.exclude(team=None).order_by("-created_at", "-pk")
    teams_before = list(dict.fromkeys([ticket.team_id, *came_from.values_list("team_id", flat=True)]))
    paths = _paths(teams_before, ticket)
    for team_id in teams_before:
        path = paths.get(team_id, [])
        ids = [team.pk for team in path]
        if team_id == ticket.team_id:
            rest = path
        elif ticket.team_id in ids:
            rest = path[ids.index(ticket.team_id) + 1 :]
        else:
            continue
        if rest:
            return rest[0]
    return None


def _paths(team_ids: list[int], ticket: Ticket) -> dict[int, list[Team]]:
    """The paths of several teams, with the ticket's own team kept even where it is out of use."""
    found: dict[int, list[Team]] = {}
    rows = EscalationStep.objects.filter(team__in=team_ids).select_related("target")
    for step in rows.order_by("team", "position"):
        usable = step.target.is_active and step.target.client_id in {None, ticket.client_id}
        if usable or step.target_id == ticket.team_id:
            found.setdefault(step.team_id, []).append(step.target)
    return found
