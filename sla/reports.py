"""Reports on promises: how many were kept, and what is due in the next hours (S8).

All is aggregated in the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum, Value, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.wording import share_words
from sla.choices import ClockState, TargetKind
from sla.models import Clock
from sla.querysets import ClockQuerySet
from sla.selectors import length_words
from ticketing.choices import Severity

PERIODS: Final = (7, 30, 90)
"""Days that the report may be asked for."""
AHEAD_HOURS: Final = 24
LOOK_BACK: Final = timedelta(days=30)
"""How far the forecast looks back for clocks that were as close to their deadline."""

_JUDGED: Final = (ClockState.MET, ClockState.BREACHED)
_MEDIAN, _P90 = 50, 90
DIMENSIONS: Final = {
    "policy": ("policy_id", "policy__name", _("No policy any more")),
    "team": ("ticket__team_id", "ticket__team__name", _("No team")),
    "category": ("ticket__category_id", "ticket__category__name", _("No category")),
    "severity": ("ticket__severity", "ticket__severity", _("Not said yet")),
}


@dataclass(slots=True)
class Kept:
    """Promises of one kind that share a policy, team, category or severity."""

    name: str
    kind: str
    key: Any = None
    code: str = ""
    met: int = 0
    missed: int = 0
    late: timedelta = field(default_factory=timedelta)
    median: timedelta | None = None
    p90: timedelta | None = None

    @property
    def cases(self) -> int:
        """How many promises were judged."""
        return self.met + self.missed

    @property
    def attainment(self) -> float:
        """The share that was kept, 0 to 1; a row exists only where something was judged."""
        return self.met / self.cases

    @property
    def attainment_words(self) -> str:
        """That share in percent."""
        return share_words(self.attainment)

    @property
    def mean_late_minutes(self) -> float | None:
        """Minutes on the wall that a missed promise was late on average, so far where it is open; or None."""
        return self.late / timedelta(minutes=1) / self.missed if self.missed else None

    @property
    def median_words(self) -> str:
        """The median as people say it; a dash where nothing was answered."""
        return length_words(self.median)

    @property
    def p90_words(self) -> str:
        """The 90th percentile as people say it."""
        return length_words(self.p90)


def attainment(*, actor: Actor, days: int, now: datetime) -> dict[str, list[Kept]]:
    """Kept and missed promises decided in the last days by policy, team, category and severity.

    With the median and the 90th percentile (nearest rank) of the working time that was used until the answer.
    What is counted is ``ClockQuerySet.judged``. One query, and one more for each dimension.
    """
    mine = Clock.objects.visible_to(actor)
    rows = mine.judged(since=now - timedelta(days=days), until=now)
    late = ExpressionWrapper(
        Coalesce("stopped_at", Value(now)) - F("breached_at"), output_field=DurationField()
    )
    columns = {column for spec in DIMENSIONS.values() for column in spec[:2]}
    counted = rows.order_by().values("kind", *columns).annotate(
        met=Count("pk", filter=Q(state=ClockState.MET)),
        missed=Count("pk", filter=Q(state=ClockState.BREACHED)),
        late=Sum(late, filter=Q(state=ClockState.BREACHED)),
    )  # fmt: skip
    cells = list(counted)
    return {
        name: _added_up(cells, _times(rows, key), key, label, str(nothing))
        for name, (key, label, nothing) in DIMENSIONS.items()
    }


Times = dict[tuple[Any, str], list[timedelta]]
"""By value of a dimension and kind of promise: the median and the 90th percentile."""


def _times(rows: ClockQuerySet, key: str) -> Times:
    """Of those that were answered: a promise nobody has kept yet has taken no time, nor one that was dropped.

    The nearest rank is the value at place ceil(n · p), so it is a time that a ticket really took; the
    database picks it, and two rows a group come back.
    """
    group = [F(key), F("kind")]
    ranked = rows.filter(used__isnull=False, reason="").annotate(
        place=Window(RowNumber(), partition_by=group, order_by=["used", "pk"]) * 100,
        cases=Window(Count("pk"), partition_by=group),
    )
    wanted = Q()
    for percent in (_MEDIAN, _P90):
        wanted |= Q(place__gte=F("cases") * percent, place__lt=F("cases") * percent + 100)
    found: Times = {}
    for value, kind, used, place, cases in (
        ranked.filter(wanted).order_by().values_list(key, "kind", "used", "place", "cases")
    ):
        pair = found.setdefault((value, kind), [used, used])
        for slot, percent in enumerate((_MEDIAN, _P90)):
            if cases * percent <= place < cases * percent + 100:
                pair[slot] = used
    return found


def _added_up(
    cells: Iterable[dict[str, Any]], times: Times, key: str, label: str, nothing: str
) -> list[Kept]:
    """Rows of one dimension, by name and kind."""
    words = dict(Severity.choices)
    found: dict[tuple[Any, str], Kept] = {}
    for cell in cells:
        name = str(words.get(cell[label], cell[label]) if cell[label] else nothing)
        kind = str(TargetKind(cell["kind"]).label)
        place = (cell[key], cell["kind"])
        row = found.setdefault(place, Kept(name, kind, cell[key], cell["kind"]))
        row.median, row.p90 = times.get(place, (None, None))
        row.met += cell["met"]
        row.missed += cell["missed"]
        row.late += cell["late"] or timedelta()
    return sorted(found.values(), key=lambda row: (row.name, row.kind))


@dataclass(slots=True)
class DueHour:
    """Promises due within one hour, counted from now."""

    starts: datetime
    due: int = 0
    unassigned: int = 0
    teams: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    expected: float | None = 0.0
    cases: int = 0

    @property
    def by_team(self) -> list[tuple[str, int]]:
        """Teams and how many are theirs, the most first."""
        return sorted(self.teams.items(), key=lambda row: (-row[1], row[0]))


def forecast(*, actor: Actor, now: datetime) -> list[DueHour]:
    """The next 24 hours of the wall clock with what is due in each and how much may be missed; two queries.

    Expected is the share of clocks of the same kind that were missed among those that were still open as many
    hours before their deadline in the last 30 days; None where no such clock is there to judge by.
    """
    mine = Clock.objects.visible_to(actor)
    hours = [DueHour((now + timedelta(hours=ahead)).astimezone(UTC)) for ahead in range(AHEAD_HOURS)]
    due = mine.live().filter(state=ClockState.RUNNING, due_at__gte=now)
    slots = {
        f"h{ahead}": Count("pk", filter=_within(now, ahead)) for ahead in range(AHEAD_HOURS)
    }  # fmt: skip
    free = {
        f"u{ahead}": Count("pk", filter=_within(now, ahead) & Q(ticket__assignee=None))
        for ahead in range(AHEAD_HOURS)
    }
    due = due.filter(due_at__lt=now + timedelta(hours=AHEAD_HOURS)).order_by()
    cells: Any = due.values("kind", "ticket__team__name").annotate(**slots, **free)
    for cell in cells:
        for ahead, hour in enumerate(hours):
            if count := cell[f"h{ahead}"]:
                hour.due += count
                hour.unassigned += cell[f"u{ahead}"]
                hour.teams[cell["ticket__team__name"] or gettext("No team")] += count
                hour.kinds[cell["kind"]] += count
    _expect(hours, _experience(actor=actor, now=now))
    return hours


def _within(now: datetime, ahead: int) -> Q:
    return Q(due_at__gte=now + timedelta(hours=ahead), due_at__lt=now + timedelta(hours=ahead + 1))


def _experience(*, actor: Actor, now: datetime) -> dict[str, dict[str, Any]]:
    """By kind, for each hour: clocks that were open that long before their deadline, and those missed."""
    past = Clock.objects.visible_to(actor).filter(
        state__in=_JUDGED, due_at__gte=now - LOOK_BACK, due_at__lt=now
    )
    counts: dict[str, Any] = {}
    for ahead in range(AHEAD_HOURS):
        before = F("due_at") - timedelta(hours=ahead + 1)
        was_open = Q(started_at__lte=before) & (Q(stopped_at=None) | Q(stopped_at__gt=before))
        counts[f"open{ahead}"] = Count("pk", filter=was_open)
        counts[f"missed{ahead}"] = Count("pk", filter=was_open & Q(state=ClockState.BREACHED))
    rows: Any = past.order_by().values("kind").annotate(**counts)
    return {row["kind"]: row for row in rows}


def _expect(hours: list[DueHour], known: dict[str, dict[str, Any]]) -> None:
    for ahead, hour in enumerate(hours):
        for kind, count in hour.kinds.items():
            cases = known.get(kind, {}).get(f"open{ahead}", 0)
            if not cases:
                hour.expected, hour.cases = None, 0
                break
            hour.cases += cases
            hour.expected = (hour.expected or 0.0) + count * known[kind][f"missed{ahead}"] / cases
