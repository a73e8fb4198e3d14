"""Clocks as a ledger of running and paused segments, recomputed exactly on every change (S3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

import holidays
import structlog
from django.db import transaction
from django.utils import timezone

from sla.calendar import ALWAYS, CalendarNeverOpens, Interval, WorkCalendar, add_minutes, minutes_between
from sla.choices import ClockState, SegmentKind, TargetKind
from sla.models import Clock, Policy, Segment, Target
from sla.querysets import ClockQuerySet
from teams.models import BusinessCalendar
from ticketing.choices import Channel, StatusCategory
from ticketing.models import Ticket
from ticketing.services.tickets import next_due_set

logger = structlog.get_logger(__name__)
DEFAULT_SEVERITY = "medium"
"""What is promised until triage or a person has said how bad it is."""

_YEARS_AHEAD = 2


@transaction.atomic
def clocks_start(*, ticket: Ticket, now: datetime | None = None) -> list[Clock]:
    """Make the promises of a new ticket; starting twice changes nothing. Without a policy there are none."""
    now = now or timezone.now()
    policy = policy_of(ticket=ticket)
    if (
        policy is None
        or not ticket.is_open
        or ticket.channel == Channel.IMPORT
        or Clock.objects.filter(ticket=ticket).exists()
    ):
        return []
    kinds = [TargetKind.RESOLUTION]
    if ticket.first_response_at is None:
        kinds.insert(0, TargetKind.FIRST_RESPONSE)
    made = [_start(ticket, policy, kind, ticket.created_at) for kind in kinds]
    _publish_due(ticket)
    return [clock for clock in made if clock is not None]


def policy_of(*, ticket: Ticket) -> Policy | None:
    """The first policy whose conditions hold."""
    for policy in Policy.objects.for_client(ticket.client_id).prefetch_related("targets"):
        fits = (
            policy.category_id in {None, ticket.category_id}
            and policy.team_id in {None, ticket.team_id}
            and policy.severity in {"", ticket.severity}
        )
        if fits:
            found: Policy = policy
            return found
    return None


def _minutes(policy: Policy, kind: str, severity: str) -> int | None:
    wanted = severity or DEFAULT_SEVERITY
    rows: Iterable[Target] = policy.targets.all()
    return next((row.minutes for row in rows if row.kind == kind and row.severity == wanted), None)


def _start(ticket: Ticket, policy: Policy, kind: str, at: datetime) -> Clock | None:
    minutes = _minutes(policy, kind, ticket.severity)
    if minutes is None:
        return None
    latest = Clock.objects.filter(ticket=ticket, kind=kind).order_by("-generation").first()
    clock = Clock.objects.create(
        ticket=ticket,
        kind=kind,
        generation=(latest.generation + 1) if latest else 1,
        policy=policy,
        minutes=minutes,
        started_at=at,
    )
    Segment.objects.create(clock=clock, kind=SegmentKind.RUNNING, started_at=at, reason="Started.")
    _recompute(clock)
    return clock


def work_calendar(calendar: BusinessCalendar | None) -> WorkCalendar:
    """A stored calendar in the form of the arithmetic; none means around the clock."""
    if calendar is None or calendar.always_open:
        return ALWAYS
    intervals = tuple(Interval(row.weekday, row.starts, row.ends) for row in calendar.intervals.all())
    own = {row.date for row in calendar.days.all()}
    public = _public_holidays(calendar.holiday_country, calendar.holiday_region, timezone.now().year)
    return WorkCalendar(calendar.time_zone, intervals, frozenset(own | public))


@lru_cache(maxsize=64)
def _public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    if not country:
        return frozenset()
    years = range(year - 1, year + _YEARS_AHEAD + 1)
    return frozenset(holidays.country_holidays(country, subdiv=region or None, years=years))


def spent_minutes(*, clock: Clock, now: datetime) -> float:
    """Working minutes of the running segments so far."""
    calendar = work_calendar(clock.policy.calendar if clock.policy else None)
    segments = clock.segments.all()
    return sum(
        minutes_between(row.started_at, row.ended_at or now, calendar)
        for row in segments
        if row.kind == SegmentKind.RUNNING
    )


def _recompute(clock: Clock) -> None:
    """Due and warning times from the ledger; a paused clock has none, a breached one keeps its breach."""
    calendar = work_calendar(clock.policy.calendar if clock.policy else None)
    open_segment = clock.segments.filter(ended_at=None).first()
    if open_segment is None or open_segment.kind == SegmentKind.PAUSED:
        clock.due_at = clock.warn_at = None
        if clock.breached_at is None and clock.stopped_at is None:
            clock.state = ClockState.PAUSED
    else:
        before = spent_minutes(clock=clock, now=open_segment.started_at)
        left = max(0.0, clock.minutes - before)
        clock.due_at = add_minutes(open_segment.started_at, left, calendar)
        clock.warn_at = _next_warning(clock, before, open_segment.started_at, calendar)
        if clock.breached_at is None:
            clock.state = ClockState.RUNNING
    clock.save(
        update_fields=["minutes", "policy", "state", "due_at", "warn_at", "warned_percent", "updated_at"]
    )


def _next_warning(clock: Clock, before: float, since: datetime, calendar: WorkCalendar) -> datetime | None:
    percents = sorted(clock.policy.warn_percents if clock.policy else [])
    ahead = next((percent for percent in percents if percent > clock.warned_percent), None)
    if ahead is None:
        return None
    left = clock.minutes * ahead / 100 - before
    return add_minutes(since, max(0.0, left), calendar)


def warning_reached(*, clock: Clock) -> int:
    """The percentage the next warning of a clock stands for."""
    percents = sorted(clock.policy.warn_percents if clock.policy else [])
    return next((percent for percent in percents if percent > clock.warned_percent), 100)


def next_warning_set(*, clock: Clock, percent: int) -> None:
    """Remember the warning that was given and when the next one is due."""
    clock.warned_percent = percent
    _recompute(clock)


@transaction.atomic
def clocks_retarget(*, ticket: Ticket) -> None:
    """Follow a change of severity, category, team or policy; the time already spent is kept."""
    policy = policy_of(ticket=ticket)
    if policy is None:
        return
    clocks = list(_live(ticket))
    if not clocks and not Clock.objects.filter(ticket=ticket).exists():
        clocks_start(ticket=ticket)
        return
    for clock in clocks:
        minutes = _minutes(policy, clock.kind, ticket.severity)
        if minutes is None or (minutes == clock.minutes and clock.policy_id == policy.pk):
            continue
        clock.policy, clock.minutes = policy, minutes
        if clock.breached_at is not None:
            _reconsider_breach(clock)
        _recompute(clock)
    _publish_due(ticket)


def _reconsider_breach(clock: Clock) -> None:
    """A longer promise may not be broken yet."""
    if spent_minutes(clock=clock, now=timezone.now()) < clock.minutes:
        clock.breached_at = None
        clock.save(update_fields=["breached_at", "updated_at"])


@transaction.atomic
def clocks_follow_status(*, ticket: Ticket, now: datetime | None = None) -> None:
    """Waiting pauses, but never the first response; resolved and closed stop; open again resumes (S3)."""
    now = now or timezone.now()
    category = ticket.status_category
    if category in {StatusCategory.RESOLVED, StatusCategory.CLOSED}:
        for clock in _live(ticket):
            first = clock.kind == TargetKind.FIRST_RESPONSE and ticket.first_response_at is not None
            answered = clock.kind == TargetKind.RESOLUTION or first
            _stop(clock, now, met=answered)
    elif category == StatusCategory.WAITING:
        for clock in _live(ticket).exclude(kind=TargetKind.FIRST_RESPONSE):
            _switch(clock, SegmentKind.PAUSED, now, f"Ticket is {ticket.get_status_display().lower()}.")
    else:
        _resume(ticket, now)
    _publish_due(ticket)


@transaction.atomic
def clocks_follow_merge(*, ticket: Ticket, now: datetime | None = None) -> None:
    """A merged ticket promises nothing: its clocks pause, so that no promise counts as kept or broken."""
    for clock in _live(ticket):
        _switch(clock, SegmentKind.PAUSED, now or timezone.now(), "Merged into another ticket.")
    _publish_due(ticket)


@transaction.atomic
def clocks_follow_unmerge(*, ticket: Ticket, now: datetime | None = None) -> None:
    """The promises go on where they paused; what had been spent before stays spent."""
    now = now or timezone.now()
    for clock in _live(ticket).filter(kind=TargetKind.FIRST_RESPONSE):
        _switch(clock, SegmentKind.RUNNING, now, "The merge was taken back.")
    clocks_follow_status(ticket=ticket, now=now)


def _resume(ticket: Ticket, now: datetime) -> None:
    live = list(_live(ticket))
    for clock in live:
        _switch(clock, SegmentKind.RUNNING, now, "Ticket is open.")
    if any(clock.kind == TargetKind.RESOLUTION for clock in live):
        return
    latest = Clock.objects.filter(ticket=ticket, kind=TargetKind.RESOLUTION).order_by("-generation").first()
    policy = policy_of(ticket=ticket)
    if latest is None or policy is None:
        return
    _start(ticket, policy, TargetKind.RESOLUTION, now)
    unanswered = ticket.first_response_at is None
    if unanswered and not any(clock.kind == TargetKind.FIRST_RESPONSE for clock in live):
        _start(ticket, policy, TargetKind.FIRST_RESPONSE, now)


def _switch(clock: Clock, kind: str, now: datetime, reason: str) -> None:
    current = clock.segments.filter(ended_at=None).first()
    if current is not None and current.kind == kind:
        return
    if current is not None:
        current.ended_at = now
        current.save(update_fields=["ended_at"])
    Segment.objects.create(clock=clock, kind=kind, started_at=now, reason=reason[:120])
    _recompute(clock)


def _stop(clock: Clock, now: datetime, *, met: bool) -> None:
    """End a promise; one that was broken stays broken, whatever came after."""
    clock.segments.filter(ended_at=None).update(ended_at=now)
    late = clock.breached_at is not None or spent_minutes(clock=clock, now=now) > clock.minutes
    if not met and not late:
        clock.state = ClockState.CANCELLED
    else:
        clock.state = ClockState.BREACHED if late else ClockState.MET
        clock.breached_at = (clock.breached_at or now) if late else None
    clock.stopped_at, clock.warn_at = now, None
    clock.save(update_fields=["state", "breached_at", "stopped_at", "warn_at", "updated_at"])


@transaction.atomic
def clocks_follow_reply(*, ticket: Ticket, by_requester: bool, by_person: bool, now: datetime) -> None:
    """A person's public reply answers; a requester's asks again. Automated replies count for nothing.

    A next-response promise never replaces a first response that is still owed.
    """
    if by_requester:
        policy = policy_of(ticket=ticket)
        waiting = (
            _live(ticket).filter(kind__in=[TargetKind.FIRST_RESPONSE, TargetKind.NEXT_RESPONSE]).exists()
        )
        if policy is not None and not waiting and ticket.first_response_at is not None:
            _start(ticket, policy, TargetKind.NEXT_RESPONSE, now)
    elif by_person:
        for clock in _live(ticket).filter(kind__in=[TargetKind.FIRST_RESPONSE, TargetKind.NEXT_RESPONSE]):
            _stop(clock, now, met=True)
    _publish_due(ticket)


def _live(ticket: Ticket) -> ClockQuerySet:
    rows = Clock.objects.live().filter(ticket=ticket).select_related("policy__calendar").order_by("pk")
    # A row read before a breach and saved after it would take the breach back.
    return rows.select_for_update(of=("self",), no_key=True)


def _publish_due(ticket: Ticket) -> None:
    """The earliest promise that is still to be kept, where lists order by it."""
    rows = Clock.objects.live().filter(ticket=ticket, due_at__isnull=False)
    next_due_set(
        ticket_id=ticket.pk, next_due_at=rows.order_by("due_at").values_list("due_at", flat=True).first()
    )


def clocks_repair(*, now: datetime, limit: int = 200) -> int:
    """Start the clocks that a failed receiver left out; returns how many tickets were repaired."""
    since, until = now - timedelta(days=30), now - timedelta(minutes=2)
    rows = Ticket.objects.open().filter(clocks=None, created_at__gte=since, created_at__lte=until)
    repaired = 0
    for ticket in (
        rows.exclude(channel=Channel.IMPORT).order_by("-created_at").select_related("client")[:limit]
    ):
        try:
            repaired += bool(clocks_start(ticket=ticket, now=now))
        except CalendarNeverOpens:
            logger.warning("calendar_never_opens", ticket=ticket.reference)
    return repaired
