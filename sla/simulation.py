"""A policy tried on past tickets: what would have been kept under other targets, hours or conditions (S8).

Everything is read once and counted in memory by the rules of ``sla.ledger``; nothing is written or told.
Each clock is judged as its ticket was when the clock ended, told from the ticket's history, because a later
change of severity, category or team did not move a promise that was over.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from common.actors import Actor
from common.wording import share_words
from sla.choices import ClockState, TargetKind
from sla.ledger import Ledger, is_late, ledger_of, measured_by, spent
from sla.models import DEFAULT_SEVERITY, Clock, Policy
from sla.selectors import length_words, segments_prefetch
from teams.models import BusinessCalendar, CalendarVersion, Team
from teams.selectors import calendar_hours
from ticketing.choices import Severity
from ticketing.models import Category, Ticket, TicketEvent

MOST_TICKETS: Final = 1_000
"""The newest ones of the window; more would keep a page waiting."""
LISTED: Final = 50
"""Tickets that are listed each way; the numbers count all of them."""

MET, MISSED, OPEN, DROPPED, NONE = "met", "missed", "open", "dropped", "none"
"""What became of a promise: kept, broken, still to be kept, ended without an outcome, never made."""

_MOVED: Final = ("category", "severity", "team")
_VERBS: Final = ("ticket.changed", "ticket.triaged", "ticket.assigned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy as plain values. ``minutes`` by kind and severity; no calendar means around the clock."""

    policy_id: int
    name: str
    client_id: int | None
    order: int
    category_id: int | None
    team_id: int | None
    severity: str
    calendar_id: int | None
    minutes: Mapping[tuple[str, str], int]

    def fits(self, facts: Facts, client_id: int) -> bool:
        """Whether the policy serves the client and its conditions hold."""
        return (
            self.client_id in {None, client_id}
            and self.category_id in {None, facts.category_id}
            and self.team_id in {None, facts.team_id}
            and self.severity in {"", facts.severity}
        )

    def minutes_of(self, kind: str, severity: str) -> int | None:
        """The minutes promised; a ticket whose severity nobody has said yet is medium. None: no promise."""
        return self.minutes.get((kind, severity or DEFAULT_SEVERITY))


@dataclass(slots=True)
class Facts:
    """What a policy looks at, as it was at a moment."""

    category_id: int | None
    team_id: int | None
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which past tickets: opened in the last ``days`` days, or the newest ``tickets``."""

    days: int | None = None
    tickets: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """One clock beside what it would have been."""

    ticket: Ticket
    kind: str
    severity: str
    before: str
    after: str
    used: timedelta
    used_then: timedelta
    target: timedelta
    target_then: timedelta | None
    answered: bool

    @property
    def words(self) -> str:
        """What was used of what was promised, now and then."""
        then = f"{length_words(self.used_then)} / {length_words(self.target_then)}"
        return f"{length_words(self.used)} / {length_words(self.target)} → {then}"


@dataclass(slots=True)
class Line:
    """One target: how its promises came out, and how they would have."""

    kind: str
    severity: str
    met: int = 0
    missed: int = 0
    met_then: int = 0
    missed_then: int = 0
    other_then: int = 0
    improved: int = 0
    worsened: int = 0
    improves: list[Judged] = field(default_factory=list)
    worsens: list[Judged] = field(default_factory=list)
    times: list[timedelta] = field(default_factory=list)
    times_then: list[timedelta] = field(default_factory=list)

    @property
    def kind_label(self) -> str:
        """First response, next response or resolution."""
        return str(TargetKind(self.kind).label)

    @property
    def severity_label(self) -> str:
        """The severity the target is for."""
        return str(Severity(self.severity).label)

    @property
    def attainment(self) -> float | None:
        """The share that was kept, 0 to 1; None where nothing was judged."""
        return _share(self.met, self.missed)

    @property
    def attainment_then(self) -> float | None:
        """The share that would have been kept."""
        return _share(self.met_then, self.missed_then)

    @property
    def attainment_words(self) -> str:
        """Both shares in whole percent."""
        now, then = self.attainment, self.attainment_then
        return f"{share_words(now)} → {share_words(then)}"

    @property
    def lists(self) -> list[tuple[str, int, list[Judged]]]:
        """The tickets that come out otherwise: what happens to them, how many, and the newest."""
        both = [
            (_("missed, now kept"), self.improved, self.improves),
            (_("kept, now missed"), self.worsened, self.worsens),
        ]
        return [row for row in both if row[1]]

    @property
    def medians(self) -> str:
        """The median working time until the answer, now and then."""
        return _both(self.times, self.times_then, 50)

    @property
    def p90s(self) -> str:
        """The 90th percentile of the working time until the answer, now and then."""
        return _both(self.times, self.times_then, 90)


@dataclass(slots=True)
class Simulation:
    """What a draft would have done. ``capped``: the window held more tickets than were looked at."""

    tickets: int
    clocks: int
    capped: bool
    lines: list[Line]


def rule_of(policy: Policy) -> Rule:
    """A policy whose targets were read along, as plain values."""
    return Rule(
        policy_id=policy.pk,
        name=policy.name,
        client_id=policy.client_id,
        order=policy.order,
        category_id=policy.category_id,
        team_id=policy.team_id,
        severity=policy.severity,
        calendar_id=policy.calendar_id,
        minutes={(row.kind, row.severity): row.minutes for row in policy.targets.all()},
    )


def simulate(*, draft: Rule, window: Window, actor: Actor, now: datetime) -> Simulation:
    """Judge past promises as they were and as they would be with ``draft`` in the place of its policy.

    What is compared are the promises the policy made and those the draft would have made; the other policies
    in use stay as they are, and take over what the draft lets go. Of first response and resolution the latest
    generation of a ticket counts, as in the report. Promises that were never counted, because no policy made
    them, stay out. Twelve queries at most, whatever the number of tickets.
    """
    tickets, capped = _tickets(window, actor, now)
    clocks = Clock.objects.filter(ticket__in=list(tickets)).select_related(None)
    found: dict[tuple[int, str], list[Clock]] = defaultdict(list)
    for clock in clocks.order_by("generation").prefetch_related(segments_prefetch()):
        found[clock.ticket_id, clock.kind].append(clock)
    world = _World(draft, _pasts(tickets), now)
    judged: list[Judged | None] = []
    for (ticket_id, kind), generations in found.items():
        rows = world.judge(tickets[ticket_id], generations)
        judged += rows if kind == TargetKind.NEXT_RESPONSE else rows[-1:]
    kept = [row for row in judged if row is not None]
    return Simulation(len(tickets), len(kept), capped, _lines(kept))


def _tickets(window: Window, actor: Actor, now: datetime) -> tuple[dict[int, Ticket], bool]:
    """The newest tickets of the window with a clock, by key, and whether there were more."""
    rows = Ticket.objects.visible_to(actor).filter(pk__in=Clock.objects.visible_to(actor).values("ticket"))
    if window.days is not None:
        rows = rows.filter(created_at__gte=now - timedelta(days=window.days))
    wanted = min(window.tickets or MOST_TICKETS, MOST_TICKETS)
    names = ("uuid", "reference", "subject", "client_id", "taxonomy_id", "category_id", "team_id", "severity")
    newest = list(rows.order_by("-pk").only(*names)[: wanted + 1])
    capped = len(newest) > wanted and window.tickets is None
    return {row.pk: row for row in newest[:wanted]}, capped


Past = list[tuple[datetime, str, Any]]
"""When a fact changed, which, and what it was before; the newest first."""


def _pasts(tickets: Mapping[int, Ticket]) -> dict[int, Past]:
    """How category, severity and team of each ticket changed. A value that is no longer known is none."""
    rows = list(
        TicketEvent.objects.filter(ticket__in=list(tickets), verb__in=_VERBS, field__in=_MOVED)
        .order_by("-sequence")
        .values_list("ticket_id", "created_at", "field", "old_value")
    )
    categories = {
        (taxonomy, slug): pk
        for taxonomy, slug, pk in Category.objects.filter(
            taxonomy__in={row.taxonomy_id for row in tickets.values()}
        ).values_list("taxonomy_id", "slug", "pk")
    }
    teams: dict[tuple[int | None, str], int] = {
        (client, slug): pk for client, slug, pk in Team.objects.values_list("client_id", "slug", "pk")
    }
    pasts: dict[int, Past] = defaultdict(list)
    for ticket_id, at, name, old in rows:
        ticket, slug = tickets[ticket_id], str(old)
        value: Any = old
        if name == "category":
            value = categories.get((ticket.taxonomy_id, slug))
        elif name == "team":
            value = teams.get((ticket.client_id, slug)) or teams.get((None, slug))
        pasts[ticket_id].append((at, name, value))
    return pasts


class _World:
    """The policies with the draft among them, the calendars, and the tickets' pasts."""

    def __init__(self, draft: Rule, pasts: Mapping[int, Past], now: datetime) -> None:
        self._draft, self._pasts, self._now = draft, pasts, now
        others = Policy.objects.filter(~Q(pk=draft.policy_id), is_active=True).prefetch_related("targets")
        rules = [draft, *(rule_of(policy) for policy in others)]
        # As ``PolicyQuerySet.for_client`` orders them: a client's own before the shared ones.
        self._rules = sorted(rules, key=lambda rule: (rule.client_id is None, rule.order, rule.policy_id))
        self._versions = _versions({rule.calendar_id for rule in rules} - {None}, now)

    def judge(self, ticket: Ticket, generations: Sequence[Clock]) -> list[Judged | None]:
        """Every generation of one kind, in order; None where neither side is the draft's."""
        found: list[Judged | None] = []
        before: tuple[Clock, Ledger] | None = None
        for clock in generations:
            facts = self._facts_at(ticket, clock.stopped_at or self._now)
            rule = next((row for row in self._rules if row.fits(facts, ticket.client_id)), None)
            ledger = ledger_of(clock)
            then = ledger
            if rule is not None:
                carried = clock.carried if before is None else _carried(clock, *before)
                versions = self._versions.get(rule.calendar_id or 0, [])
                then = measured_by(ledger, rule.calendar_id, versions, carried)
            before = clock, then
            concerned = self._draft.policy_id in {clock.policy_id, rule.policy_id if rule else None}
            clock.ticket = ticket
            found.append(self._one(clock, then, rule, facts) if concerned else None)
        return found

    def _one(self, clock: Clock, then: Ledger, rule: Rule | None, facts: Facts) -> Judged:
        until = clock.stopped_at or self._now
        minutes = rule.minutes_of(clock.kind, facts.severity) if rule else None
        target = timedelta(minutes=minutes) if minutes is not None else None
        used = spent(then, until)
        return Judged(
            ticket=clock.ticket,
            kind=clock.kind,
            severity=facts.severity or DEFAULT_SEVERITY,
            before=_recorded(clock, self._now),
            after=_outcome(clock, then, target, until),
            used=spent(ledger_of(clock), until),
            used_then=used,
            target=timedelta(minutes=clock.minutes),
            target_then=target,
            answered=clock.stopped_at is not None and not clock.reason,
        )

    def _facts_at(self, ticket: Ticket, at: datetime) -> Facts:
        """The ticket as it was: from today's values back over every change since."""
        facts = Facts(ticket.category_id, ticket.team_id, ticket.severity)
        for changed_at, name, value in self._pasts.get(ticket.pk, []):
            if changed_at <= at:
                break
            if name == "severity":
                facts.severity = value or ""
            elif name == "category":
                facts.category_id = value
            else:
                facts.team_id = value
        return facts


def _versions(calendars: set[int | None], now: datetime) -> dict[int, list[CalendarVersion]]:
    """The versions of each calendar in order; of one nobody has counted with yet, its hours as they are."""
    found: dict[int, list[CalendarVersion]] = defaultdict(list)
    for version in CalendarVersion.objects.filter(calendar__in=calendars).order_by("number"):
        found[version.calendar_id].append(version)
    fresh = BusinessCalendar.objects.filter(pk__in={pk for pk in calendars if pk not in found})
    for calendar in fresh.prefetch_related("intervals", "days"):
        hours = calendar_hours(calendar)
        found[calendar.pk].append(CalendarVersion(calendar=calendar, number=1, since=now, hours=hours))
    return found


def _carried(clock: Clock, before: Clock, then: Ledger) -> timedelta:
    """What the generation before had used by the draft's hours, if this one counted on from it."""
    counts_on = clock.started_at == before.stopped_at
    if not counts_on or (clock.kind == TargetKind.NEXT_RESPONSE and not clock.carried):
        return clock.carried
    return spent(then, clock.started_at)


def _recorded(clock: Clock, now: datetime) -> str:
    """What became of a promise; one that the check has yet to find late is missed already."""
    if clock.state == ClockState.BREACHED:
        return MISSED
    if clock.stopped_at is None:
        return MISSED if clock.due_at is not None and clock.due_at < now else OPEN
    return MET if clock.state == ClockState.MET else DROPPED


def _outcome(clock: Clock, then: Ledger, target: timedelta | None, until: datetime) -> str:
    """What would have become of it; the same order of questions as ``ledger.stop``."""
    if target is None:
        return NONE
    if is_late(then, target, until):
        return MISSED
    if clock.stopped_at is None:
        return OPEN
    return DROPPED if clock.reason else MET


def _lines(rows: Iterable[Judged]) -> list[Line]:
    """One line a target, in the order of the form; the newest tickets first in its lists."""
    lines = {
        (kind, severity): Line(kind, severity) for kind in TargetKind.values for severity in Severity.values
    }
    for row in sorted(rows, key=lambda row: -row.ticket.pk):
        _count(lines[row.kind, row.severity], row)
    return [line for line in lines.values() if line.met + line.missed + line.met_then + line.missed_then]


def _count(line: Line, row: Judged) -> None:
    line.met += row.before == MET
    line.missed += row.before == MISSED
    line.met_then += row.after == MET
    line.missed_then += row.after == MISSED
    line.other_then += row.before in {MET, MISSED} and row.after not in {MET, MISSED}
    if (row.before, row.after) == (MISSED, MET):
        line.improved += 1
        if len(line.improves) < LISTED:
            line.improves.append(row)
    if (row.before, row.after) == (MET, MISSED):
        line.worsened += 1
        if len(line.worsens) < LISTED:
            line.worsens.append(row)
    if row.answered and row.before in {MET, MISSED}:
        line.times.append(row.used)
    if row.answered and row.after in {MET, MISSED}:
        line.times_then.append(row.used_then)


def _share(met: int, missed: int) -> float | None:
    return met / (met + missed) if met + missed else None


def _both(now: list[timedelta], then: list[timedelta], percent: int) -> str:
    return f"{length_words(_rank(now, percent))} → {length_words(_rank(then, percent))}"


def _rank(times: list[timedelta], percent: int) -> timedelta | None:
    """The nearest rank, as the report takes it."""
    return sorted(times)[math.ceil(len(times) * percent / 100) - 1] if times else None
