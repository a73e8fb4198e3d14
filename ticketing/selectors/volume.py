"""How much work there is and came in: the counts behind the dashboard (O5)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import TruncDate, TruncHour
from django.utils import timezone

from common.actors import Actor
from ticketing.choices import Sentiment, Severity
from ticketing.models import Assignment, Ticket
from ticketing.querysets import statuses_in


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time and the equally long one it is compared with: [start, until) and [before, start).

    ``before_until`` ends the comparison after the same elapsed time, so that a morning is compared with the
    morning before and not with a whole day.
    """

    start: datetime
    until: datetime
    before: datetime
    before_until: datetime
    days: int

    def now(self, field: str) -> Q:
        """Rows of the period itself."""
        return Q(**{f"{field}__gte": self.start, f"{field}__lt": self.until})

    def earlier(self, field: str) -> Q:
        """Rows of the period it is compared with."""
        return Q(**{f"{field}__gte": self.before, f"{field}__lt": self.before_until})

    def either(self, field: str) -> Q:
        """Rows of both."""
        return self.now(field) | self.earlier(field)


def span_of(*, days: int, now: datetime) -> Span:
    """Today (1) or the last ``days`` days up to now, beside the same stretch before."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=days - 1)
    shift = timedelta(days=days)
    return Span(start=start, until=now, before=start - shift, before_until=now - shift, days=days)


def _open() -> Q:
    return Q(status__in=statuses_in("open", "waiting"))


def burning(*, actor: Actor, now: datetime) -> dict[str, int]:
    """What is open at this moment: all, critical, overdue, without a person, to be reviewed."""
    return Ticket.objects.visible_to(actor).aggregate(
        open=Count("pk", filter=_open()),
        critical=Count("pk", filter=_open() & Q(severity=Severity.CRITICAL)),
        overdue=Count("pk", filter=_open() & Q(next_due_at__lt=now)),
        unassigned=Count("pk", filter=_open() & Q(assignee=None)),
        review=Count("pk", filter=_open() & Q(needs_review=True)),
    )


def totals(*, actor: Actor, span: Span) -> dict[str, Any]:
    """Tickets opened and resolved and the mean time from opening to triage, now and before."""
    wait = ExpressionWrapper(F("triaged_at") - F("created_at"), output_field=DurationField())
    return Ticket.objects.visible_to(actor).aggregate(
        opened=Count("pk", filter=span.now("created_at")),
        opened_before=Count("pk", filter=span.earlier("created_at")),
        resolved=Count("pk", filter=span.now("resolved_at")),
        resolved_before=Count("pk", filter=span.earlier("resolved_at")),
        triaged=Count("pk", filter=span.now("created_at") & Q(triaged_at__isnull=False)),
        to_route=Avg(wait, filter=span.now("created_at")),
        to_route_before=Avg(wait, filter=span.earlier("created_at")),
    )


def per_day(*, actor: Actor, span: Span) -> list[tuple[datetime, int]]:
    """Tickets opened in each day of the period (each hour when it is one day), quiet ones included."""
    rows = Ticket.objects.visible_to(actor).filter(span.now("created_at"))
    hourly = span.days == 1
    trunc: Any = TruncHour("created_at") if hourly else TruncDate("created_at")
    found = {
        _moment(row["slot"]): row["count"]
        for row in rows.annotate(slot=trunc).values("slot").annotate(count=Count("pk")).order_by("slot")
    }
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    number = 24 if hourly else span.days
    slots = [span.start + step * place for place in range(number)]
    return [(slot, found.get(_key(slot, hourly), 0)) for slot in slots]


def unhappy_per_day(*, actor: Actor, span: Span) -> list[tuple[datetime, int, int]]:
    """Each day (or hour) of the period: tickets whose mood is known, and of these the negative ones."""
    rows = Ticket.objects.visible_to(actor).filter(span.now("created_at")).exclude(sentiment="")
    hourly = span.days == 1
    trunc: Any = TruncHour("created_at") if hourly else TruncDate("created_at")
    negative = Count("pk", filter=Q(sentiment=Sentiment.NEGATIVE))
    found = {
        _moment(row["slot"]): (row["count"], row["negative"])
        for row in rows.annotate(slot=trunc)
        .values("slot")
        .annotate(count=Count("pk"), negative=negative)
        .order_by("slot")
    }
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    slots = [span.start + step * place for place in range(24 if hourly else span.days)]
    return [(slot, *found.get(_key(slot, hourly), (0, 0))) for slot in slots]


def _moment(slot: Any) -> str:
    return str(slot.isoformat())


def _key(slot: datetime, hourly: bool) -> str:
    return slot.isoformat() if hourly else slot.date().isoformat()


def mix(*, actor: Actor, span: Span, field: str) -> list[dict[str, Any]]:
    """Tickets by one field, most first: ``value``, ``count``, ``before``."""
    counts: dict[Any, dict[str, int]] = defaultdict(lambda: {"count": 0, "before": 0})
    rows = (
        Ticket.objects.visible_to(actor)
        .filter(span.either("created_at"))
        .order_by()
        .values(field)
        .annotate(
            count=Count("pk", filter=span.now("created_at")),
            before=Count("pk", filter=span.earlier("created_at")),
        )
    )
    for row in rows:
        counts[row[field]]["count"] += row["count"]
        counts[row[field]]["before"] += row["before"]
    lines = [{"value": value or "", **numbers} for value, numbers in counts.items()]
    return sorted(lines, key=lambda line: (-line["count"], str(line["value"])))


def first_team_kept(*, actor: Actor, span: Span) -> dict[str, int]:
    """Of the tickets that got a team: how many never changed it, now and before."""
    rows: QuerySet[Any] = (
        Assignment.objects.filter(
            span.either("ticket__created_at"), ticket__in=Ticket.objects.visible_to(actor), team__isnull=False
        )
        .order_by()
        .values("ticket")
        .annotate(teams=Count("team", distinct=True), made=F("ticket__created_at"))
    )
    return rows.aggregate(
        routed=Count("ticket", filter=span.now("made")),
        kept=Count("ticket", filter=span.now("made") & Q(teams=1)),
        routed_before=Count("ticket", filter=span.earlier("made")),
        kept_before=Count("ticket", filter=span.earlier("made") & Q(teams=1)),
    )
