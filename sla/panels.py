"""What promises add to pages composed of several apps' data, and to mails and drafts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from common.registries import (
    Panel,
    dashboard_cards,
    notification_renderers,
    response_targets,
    ticket_list_columns,
    ticket_panels,
)
from sla.choices import ClockState, TargetKind
from sla.ledger import ledger_of
from sla.models import Clock
from sla.selectors import explain, segments_prefetch
from teams.services.channels import mail_parts

SOON: Final = timedelta(hours=1)
_HOUR, _DAY = 60, 1440


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    ticket_panels.register("sla", Panel(load=ticket_panel, order=30))
    ticket_list_columns.register("sla", Panel(load=list_column))
    response_targets.register("sla", response_target)
    dashboard_cards.register("sla", dashboard_card)
    notification_renderers.register("sla.breach", render_notification)
    notification_renderers.register("sla.warning", render_notification)


def clock_state(clock: Clock, *, now: datetime) -> str:
    """The one word of the badge: on_track, due_soon, breached, paused, met or cancelled."""
    if clock.stopped_at is not None:
        return str(clock.state)
    if clock.breached_at is not None or (clock.due_at is not None and clock.due_at < now):
        return "breached"
    if clock.state == ClockState.PAUSED or clock.due_at is None:
        return "paused"
    soon = min(SOON, timedelta(minutes=clock.minutes) / 4)
    return "due_soon" if clock.due_at <= now + soon or clock.warned_percent else "on_track"


def ticket_panel(ticket_ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
    """The clocks of each ticket and the state of the most pressing, in a constant number of queries."""
    now = timezone.now()
    rows: dict[int, list[Clock]] = defaultdict(list)
    clocks = Clock.objects.filter(ticket__in=ticket_ids).select_related("policy")
    for clock in clocks.prefetch_related(segments_prefetch()):
        rows[clock.ticket_id].append(clock)
    return {
        pk: {"state": worst_state(rows[pk], now=now), "clocks": [_line(clock, now=now) for clock in rows[pk]]}
        for pk in ticket_ids
    }


def _line(clock: Clock, *, now: datetime) -> dict[str, Any]:
    told = explain(ledger_of(clock), now=now)
    return {
        "kind": clock.kind,
        "label": clock.get_kind_display(),
        "generation": clock.generation,
        "state": clock_state(clock, now=now),
        "due_at": clock.due_at,
        "stopped_at": clock.stopped_at,
        "target": duration_words(clock.minutes),
        "target_minutes": clock.minutes,
        "spent_minutes": round(told.spent_minutes, 1),
        "used": min(1.0, round(told.spent_minutes / clock.minutes, 4)),
        "because": told.because,
        "carried_minutes": told.carried_minutes,
        "segments": [asdict(row) for row in told.segments],
    }


_PRESSING: Final = ("breached", "due_soon", "on_track", "paused")


def worst_state(clocks: Sequence[Clock], *, now: datetime) -> str:
    """The state of the most pressing live clock; empty when none is live."""
    states = {clock_state(clock, now=now) for clock in clocks if clock.stopped_at is None}
    return next((state for state in _PRESSING if state in states), "")


def list_column(ticket_ids: Sequence[int]) -> Mapping[int, str]:
    """The state of the most pressing clock of each ticket, in one query."""
    now = timezone.now()
    rows: dict[int, list[Clock]] = defaultdict(list)
    for clock in Clock.objects.live().filter(ticket__in=ticket_ids):
        rows[clock.ticket_id].append(clock)
    return {pk: worst_state(rows[pk], now=now) for pk in ticket_ids}


def duration_words(minutes: int) -> str:
    """Minutes as people say them."""
    if minutes % _DAY == 0:
        days = minutes // _DAY
        return _("1 day") if days == 1 else _("%(days)s days") % {"days": days}
    if minutes % _HOUR == 0:
        hours = minutes // _HOUR
        return _("1 hour") if hours == 1 else _("%(hours)s hours") % {"hours": hours}
    return _("%(minutes)s minutes") % {"minutes": minutes}


def response_target(ticket_id: int) -> str:
    """What a draft may promise: the real target of the response that is owed, else of the resolution."""
    kinds = [TargetKind.FIRST_RESPONSE, TargetKind.NEXT_RESPONSE, TargetKind.RESOLUTION]
    live = {clock.kind: clock for clock in Clock.objects.live().filter(ticket_id=ticket_id)}
    clock = next((live[kind] for kind in kinds if kind in live), None)
    return duration_words(clock.minutes) if clock else ""


def dashboard_card(given: Any) -> Mapping[str, Any]:
    """Kept and broken promises of a period (``actor``, ``since``, ``until``) and what is late or due now."""
    now = timezone.now()
    mine = Clock.objects.visible_to(given["actor"])
    counts = mine.judged(since=given["since"], until=given["until"]).aggregate(
        met=Count("pk", filter=Q(state=ClockState.MET)), late=Count("pk", filter=Q(state=ClockState.BREACHED))
    )
    live = mine.live().aggregate(
        late=Count("pk", filter=Q(breached_at__isnull=False) | Q(due_at__lte=now)),
        soon=Count("pk", filter=Q(due_at__gt=now, due_at__lte=now + SOON, breached_at=None)),
        paused=Count("pk", filter=Q(state=ClockState.PAUSED)),
    )
    total = counts["met"] + counts["late"]
    return {
        "attainment": counts["met"] / total if total else None,
        "met": counts["met"],
        "missed": counts["late"],
        "breached_now": live["late"],
        "due_soon": live["soon"],
        "paused": live["paused"],
    }


def render_notification(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """Mail for a warning or a breach."""
    late = payload["level"] == "breach"
    subject = f"{payload['reference']}: the {payload['kind']} {'is late' if late else 'is due soon'}"
    context = {
        "late": late,
        "reference": payload["reference"],
        "ticket_subject": payload["subject"],
        "promise": payload["kind"],
        "due_at": datetime.fromisoformat(payload["due_at"]) if payload["due_at"] else None,
        "noticed_late": _noticed_late(payload),
        "link": _link(payload),
    }
    return mail_parts("sla/email/deadline", subject=subject, context=context)


def _noticed_late(payload: Mapping[str, Any]) -> str:
    """How long after the deadline it was noticed, in words; empty where the checks ran on time."""
    lag = payload.get("noticed_late_seconds")
    return duration_words(max(1, round(lag / 60))) if lag else ""


def _link(payload: Mapping[str, Any]) -> str:
    if not payload.get("ticket"):
        return ""
    return str(settings.SITE_URL).rstrip("/") + reverse("desk:ticket", args=[payload["ticket"]])
