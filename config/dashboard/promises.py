"""What burns now, and whether promises are kept: deadlines, routing, resolution, satisfaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from classifier.selectors.satisfaction import by_draft
from common.actors import Actor
from common.registries import dashboard_cards
from common.wording import share_words
from config.dashboard import links, texts
from config.dashboard.figure import Figure
from teams.selectors import alerts_open
from ticketing.selectors import satisfaction, volume
from ticketing.selectors.volume import Span

_LINES = 8


def burning(open_now: dict[str, int], run: dict[str, Any], actor: Actor, now: datetime) -> list[Figure]:
    """What is wrong at this moment."""
    alerts = alerts_open(actor)

    def line(label: str, count: int, link: str, tone: str, quiet: str) -> Figure:
        note = "" if count else quiet
        return Figure(label, texts.number(count), link, tone if count else "good", note=note, count=count)

    critical, overdue = open_now["critical"], open_now["overdue"]
    stuck = links.rows("classifier_workflowrun", state__exact="stuck")
    return [
        line(_("Critical and open"), critical, links.ticket_set("critical"), "bad", _("None")),
        line(
            _("Overdue"), overdue, links.ticket_set("overdue", until=now.isoformat()), "bad", _("All in time")
        ),
        line(
            _("Open alerts"), alerts, links.rows("teams_alert", state__exact="open"), "warn", _("All quiet")
        ),
        line(_("Runs that need a person"), run["stuck_now"], stuck, "bad", _("Triage is flowing")),
        Figure(
            _("Open tickets"),
            texts.number(open_now["open"]),
            links.ticket_set("open"),
            count=open_now["open"],
        ),
        Figure(
            _("Unassigned"),
            texts.number(open_now["unassigned"]),
            links.ticket_set("unassigned"),
            count=open_now["unassigned"],
        ),
    ]


def promises(actor: Actor, span: Span, totals: dict[str, Any]) -> list[Figure]:
    """Deadlines, routing, resolutions and satisfaction of the period."""
    kept = volume.first_team_kept(actor=actor, span=span)
    share = kept["kept"] / kept["routed"] if kept["routed"] else None
    earlier = kept["kept_before"] / kept["routed_before"] if kept["routed_before"] else None
    return [
        *_sla(actor, span),
        Figure(
            _("First team kept"),
            share_words(share),
            links.ticket_set("routed", span),
            texts.tone(share, 0.95),
            texts.points(share, earlier),
            texts.over("95 %"),
            _("%(kept)s tickets routed") % {"kept": texts.number(kept["routed"])},
            kept["routed"],
        ),
        Figure(
            _("Time to route"),
            texts.seconds(totals["to_route"]),
            links.ticket_set("triaged", span),
            change=texts.ratio(texts.total(totals["to_route"]), texts.total(totals["to_route_before"])),
            note=_("mean of %(totals)s, from opening to triage")
            % {"totals": texts.number(totals["triaged"])},
            count=totals["triaged"],
        ),
        Figure(
            _("Resolved"),
            texts.number(totals["resolved"]),
            links.ticket_set("resolved", span),
            change=texts.ratio(totals["resolved"], totals["resolved_before"]),
            count=totals["resolved"],
        ),
        _satisfaction(actor, span),
    ]


def _satisfaction(actor: Actor, span: Span) -> Figure:
    """The mean of the ratings, 1 to 5; few people rate, so the number stands beside it."""
    rated = satisfaction.overall(actor=actor, span=span)
    return Figure(
        _("Satisfaction"),
        "–" if rated["mean"] is None else texts.number(rated["mean"], 1),
        links.rows("ticketing_ticketfeedback", created_at__gte=span.start.isoformat()),
        texts.tone(rated["mean"], 4.5),
        texts.ratio(rated["mean"], rated["mean_before"]),
        texts.over(texts.number(4.5, 1)),
        ngettext("%(count)s rating", "%(count)s ratings", rated["count"])
        % {"count": texts.number(rated["count"])}
        if rated["count"]
        else _("Nobody has rated yet"),
        rated["count"],
    )


def satisfaction_groups(actor: Actor, span: Span) -> list[dict[str, Any]]:
    """Ratings by team, by category and by whether a draft was used."""
    return [
        {"name": _("By team"), "lines": satisfaction.by_team(actor=actor, span=span)[:_LINES]},
        {"name": _("By category"), "lines": satisfaction.by_category(actor=actor, span=span)[:_LINES]},
        {"name": _("By draft"), "lines": by_draft(actor=actor, span=span)},
    ]


def _sla(actor: Actor, span: Span) -> list[Figure]:
    """Kept and broken promises, where that part of the house is installed."""
    if "sla" not in dashboard_cards:
        return []
    provider = dashboard_cards.get("sla")
    card = provider({"actor": actor, "since": span.start, "until": span.until})
    earlier = provider({"actor": actor, "since": span.before, "until": span.before_until})
    ended = card["met"] + card["missed"]
    due = {
        "state__in": "running,paused",
        "stopped_at__isnull": 1,
        "breached_at__isnull": 1,
        "due_at__gt": span.until.isoformat(),
        "due_at__lte": (span.until + timedelta(hours=1)).isoformat(),
    }
    return [
        Figure(
            _("Deadlines met"),
            share_words(card["attainment"]),
            links.rows("sla_clock", since=span.start.isoformat(), until=span.until.isoformat()),
            texts.tone(card["attainment"], 0.9),
            texts.points(card["attainment"], earlier["attainment"]),
            texts.over("90 %"),
            _("%(card)s of %(ended)s") % {"card": texts.number(card["met"]), "ended": texts.number(ended)}
            if ended
            else _("No deadline has ended yet"),
            ended,
        ),
        Figure(
            _("Due within the hour"),
            texts.number(card["due_soon"]),
            links.rows("sla_clock", **due),
            "warn" if card["due_soon"] else "",
            note=_("%(card)s already late") % {"card": texts.number(card["breached_now"])},
            count=card["due_soon"],
        ),
    ]
