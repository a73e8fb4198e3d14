"""The admin's front page: a lead's four questions, answered with figures that link to their lists (O5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from classifier.selectors import figures
from classifier.selectors.satisfaction import by_draft
from common.actors import Actor
from common.registries import dashboard_cards
from config.charts import columns, percent
from teams.api.actors import actor_of
from teams.selectors import alerts_open
from ticketing.choices import Priority, Sentiment
from ticketing.models import Category
from ticketing.querysets import statuses_in
from ticketing.selectors import satisfaction, volume
from ticketing.selectors.volume import Span

PERIODS = {1: "Today", 7: "7 days", 30: "30 days"}
_BEFORE = {1: "yesterday by this time", 7: "the 7 days before", 30: "the 30 days before"}
_ENGINES = {"rules": "Rules", "local": "Local model", "llm": "Language model", "fallback": "Fallback"}
_MIX_LINES = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it means, what it was, what it should be and where it comes from.

    ``tone`` is "good", "bad", "warn" or empty; ``change`` compares with the period before.
    """

    label: str
    value: str
    link: str = ""
    tone: str = ""
    change: str = ""
    target: str = ""
    note: str = ""


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures of the chosen period. The number of queries does not depend on that of the tickets."""
    context["title"] = "Dashboard"
    actor, now = actor_of(request), timezone.now()
    context.update(dashboard(actor=actor, now=now, days=_days(request.GET.get("days", ""))))
    return context


def _days(given: str) -> int:
    return int(given) if given.isdigit() and int(given) in PERIODS else 7


def dashboard(*, actor: Actor, now: datetime, days: int) -> dict[str, Any]:
    """Everything the page shows for an actor."""
    span = volume.span_of(days=days, now=now)
    open_now = volume.burning(actor=actor, now=now)
    totals = volume.totals(actor=actor, span=span)
    run = figures.runs(actor=actor, span=span)
    sections = [
        {"title": "Is something burning?", "figures": _burning(open_now, run, actor, now), "live": True},
        {"title": "Are we keeping promises?", "figures": _promises(actor, span, totals)},
        {"title": "Is the AI right, and what did it cost?", "figures": _ai(actor, span, run)},
    ]
    return {
        "periods": [{"days": key, "label": label, "on": key == days} for key, label in PERIODS.items()],
        "before": _BEFORE[days],
        "since": span.start,
        "sections": sections,
        "week": _changes(actor, span, totals),
        "satisfaction": _satisfaction_groups(actor, span),
        "empty": not open_now["open"] and not totals["opened"] and not totals["opened_before"],
        "links": {
            "portal": "/portal/",
            "desk": reverse("desk:queue"),
            "rules": _list("ticketing_routingrule"),
        },
    }


def _list(name: str, **query: Any) -> str:
    """A list of the back office, filtered."""
    url = reverse(f"admin:{name}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def _tickets(**query: Any) -> str:
    return _list("ticketing_ticket", **query)


def _open_tickets(**query: Any) -> str:
    return _tickets(status__in=",".join(statuses_in("open", "waiting")), **query)


def _opened(span: Span, **query: Any) -> str:
    return _tickets(created_at__gte=span.start.isoformat(), **query)


def _burning(open_now: dict[str, int], run: dict[str, Any], actor: Actor, now: datetime) -> list[Figure]:
    alerts = alerts_open(actor)

    def line(label: str, count: int, link: str, tone: str, quiet: str) -> Figure:
        return Figure(label, f"{count:,}", link, tone if count else "good", note="" if count else quiet)

    critical, overdue = open_now["critical"], open_now["overdue"]
    return [
        line("Critical and open", critical, _open_tickets(severity__exact="critical"), "bad", "None"),
        line("Overdue", overdue, _open_tickets(next_due_at__lt=now.isoformat()), "bad", "All in time"),
        line("Open alerts", alerts, _list("teams_alert", state__exact="open"), "warn", "All quiet"),
        line(
            "Runs that need a person",
            run["stuck_now"],
            _list("classifier_workflowrun", state__exact="stuck"),
            "bad",
            "Triage is flowing",
        ),
        Figure(
            "Open tickets",
            f"{open_now['open']:,}",
            _open_tickets(),
            note=f"{open_now['unassigned']:,} without a person",
        ),
    ]


def _promises(actor: Actor, span: Span, totals: dict[str, Any]) -> list[Figure]:
    kept = volume.first_team_kept(actor=actor, span=span)
    share = kept["kept"] / kept["routed"] if kept["routed"] else None
    earlier = kept["kept_before"] / kept["routed_before"] if kept["routed_before"] else None
    return [
        *_sla(actor, span),
        Figure(
            "First team kept",
            _share(share),
            _opened(span, team__isnull=False),
            _tone(share, 0.95),
            _points(share, earlier),
            "over 95 %",
            f"{kept['routed']:,} tickets routed",
        ),
        Figure(
            "Time to route",
            _seconds(totals["to_route"]),
            _opened(span, triaged_at__isnull=False),
            change=_ratio(_total(totals["to_route"]), _total(totals["to_route_before"])),
            note="mean, from opening to triage",
        ),
        Figure(
            "Resolved",
            f"{totals['resolved']:,}",
            _tickets(resolved_at__gte=span.start.isoformat()),
            change=_ratio(totals["resolved"], totals["resolved_before"]),
        ),
        _satisfaction(actor, span),
    ]


def _satisfaction(actor: Actor, span: Span) -> Figure:
    """The share of ratings that are good or very good; few people rate, so the number stands beside it."""
    rated = satisfaction.overall(actor=actor, span=span)
    content = _part(rated["content"], rated["count"])
    earlier = _part(rated["content_before"], rated["count_before"])
    noun = "rating" if rated["count"] == 1 else "ratings"
    return Figure(
        "Satisfaction",
        _share(content),
        _list("ticketing_ticketfeedback", created_at__gte=span.start.isoformat()),
        _tone(content, 0.9),
        _points(content, earlier),
        "over 90 %",
        f"{rated['mean']:.1f} of 5, {rated['count']:,} {noun}" if rated["count"] else "Nobody has rated yet",
    )


def _satisfaction_groups(actor: Actor, span: Span) -> list[dict[str, Any]]:
    """Ratings by team, by category and by whether a draft was used."""
    return [
        {"name": "By team", "lines": satisfaction.by_team(actor=actor, span=span)[:_MIX_LINES]},
        {"name": "By category", "lines": satisfaction.by_category(actor=actor, span=span)[:_MIX_LINES]},
        {"name": "By draft", "lines": by_draft(actor=actor, span=span)},
    ]


def _sla(actor: Actor, span: Span) -> list[Figure]:
    """Kept and broken promises, where that part of the house is installed."""
    if "sla" not in dashboard_cards:
        return []
    provider = dashboard_cards.get("sla")
    card = provider({"actor": actor, "since": span.start, "until": span.until})
    earlier = provider({"actor": actor, "since": span.before, "until": span.before_until})
    ended = card["met"] + card["missed"]
    hour = {"next_due_at__gt": span.until, "next_due_at__lt": span.until + timedelta(hours=1)}
    return [
        Figure(
            "Deadlines met",
            _share(card["attainment"]),
            _list("sla_clock", state__in="met,breached", stopped_at__gte=span.start.isoformat()),
            _tone(card["attainment"], 0.9),
            _points(card["attainment"], earlier["attainment"]),
            "",
            f"{card['met']:,} of {ended:,}" if ended else "No deadline has ended yet",
        ),
        Figure(
            "Due within the hour",
            f"{card['due_soon']:,}",
            _open_tickets(**{name: moment.isoformat() for name, moment in hour.items()}),
            "warn" if card["due_soon"] else "",
            note=f"{card['breached_now']:,} already late",
        ),
    ]


def _ai(actor: Actor, span: Span, run: dict[str, Any]) -> list[Figure]:
    decided = figures.decided(actor=actor, span=span)
    review = figures.reviews(actor=actor, span=span)
    calls = figures.llm(actor=actor, span=span)
    agreed = figures.agreement(actor=actor, span=span)
    return [*_quality(span, decided, review), _agreement(agreed), *_engine(span, decided, run, calls)]


def _quality(span: Span, decided: dict[str, Any], review: dict[str, Any]) -> list[Figure]:
    applied = _part(decided["applied"], decided["total"])
    earlier = _part(decided["applied_before"], decided["total_before"])
    rate, rate_before = (
        _part(review["asked"], decided["total"]),
        _part(review["asked_before"], decided["total_before"]),
    )
    blind, accuracy = review["blind"], review["accuracy"]
    return [
        Figure(
            "Applied automatically",
            _share(applied),
            _opened(span, needs_review__exact=0),
            "",
            _points(applied, earlier),
            "",
            f"{decided['applied']:,} of {decided['total']:,} tickets",
        ),
        Figure(
            "Review rate",
            _share(rate),
            reverse("review:queue"),
            _tone(rate, 0.2, below=True),
            _points(rate, rate_before),
            "under 20 %",
            f"{review['open']:,} waiting for a person",
        ),
        Figure(
            "Accuracy, blind sample",
            _share(accuracy) if accuracy is not None else "–",
            _list("classifier_reviewitem", is_blind__exact=1),
            _tone(accuracy, 0.9),
            _points(accuracy, review["accuracy_before"]),
            "over 90 %",
            f"{blind:,} answers"
            if accuracy is not None
            else f"Not enough answers yet: {blind} of {figures.ENOUGH_ANSWERS}",
        ),
    ]


def _agreement(agreed: figures.Agreement) -> Figure:
    """A figure no engine can beat: where people disagree, neither answer is sure."""
    known = agreed.kappa is not None
    return Figure(
        "Reviewers agree",
        f"κ {agreed.kappa:.2f}" if known else "–",
        reverse("review:queue"),
        note=f"{_share(agreed.share)} of {agreed.tickets:,} answered twice"
        if agreed.tickets
        else "No review was answered twice yet",
    )


def _engine(span: Span, decided: dict[str, Any], run: dict[str, Any], calls: dict[str, Any]) -> list[Figure]:
    ended, earlier = run["completed"] + run["stuck"], run["completed_before"] + run["stuck_before"]
    success = _part(run["completed"], ended)
    cost = float(run["spent"] or 0) / run["completed"] if run["completed"] else None
    since = span.start.isoformat()
    engines = sorted(decided["engines"].items(), key=lambda pair: -pair[1])
    return [
        Figure(
            "Runs completed",
            _share(success),
            _list("classifier_workflowrun", created_at__gte=since),
            _tone(success, 0.99),
            _points(success, _part(run["completed_before"], earlier)),
            "",
            f"{run['degraded']:,} with a degraded step",
        ),
        Figure(
            "Processing time",
            _milliseconds(run["duration"]),
            _list("classifier_workflowrun", created_at__gte=since),
            change=_ratio(run["duration"], run["duration_before"]),
            note="mean of a triage run",
        ),
        Figure(
            "Cost a ticket",
            f"${cost:.4f}" if cost is not None else "–",
            _list("classifier_llmcall", created_at__gte=since),
            _tone(cost, 0.1, below=True),
            "",
            "under $0.10",
            f"{calls['calls']:,} LLM calls, {calls['failed']:,} failed",
        ),
        Figure(
            "Decided by",
            _ENGINES.get(engines[0][0], engines[0][0].title()) if engines else "–",
            _list("classifier_workflowrun", created_at__gte=since),
            note=" · ".join(_engine_share(name, count, decided["total"]) for name, count in engines),
        ),
    ]


def _engine_share(name: str, count: int, total: int) -> str:
    return f"{_ENGINES.get(name, name.title())} {percent(count, total):.0f} %"


def _changes(actor: Actor, span: Span, totals: dict[str, Any]) -> dict[str, Any]:
    """The charts of the last question; each title says what is to be seen."""
    slots = volume.per_day(actor=actor, span=span)
    label = "%H:%M" if span.days == 1 else "%d %b"
    rows = [(slot.strftime(label), count) for slot, count in slots]
    opened, before = totals["opened"], totals["opened_before"]
    busiest = max(rows, key=lambda row: row[1], default=("", 0))
    return {
        "volume": {
            "title": _volume_title(opened, before, span),
            "note": f"Busiest: {busiest[0]} with {busiest[1]:,}." if busiest[1] else "",
            "axis": "tickets an hour" if span.days == 1 else "tickets a day",
            "chart": columns(rows),
            "rows": rows,
            "link": _opened(span),
            "empty": not opened,
        },
        "mixes": [
            _categories(actor, span),
            _mix(actor, span, _PRIORITIES),
            _mix(actor, span, _SENTIMENTS),
        ],
    }


@dataclass(frozen=True, slots=True)
class _Mix:
    """A closed set to be counted: its labels, and the value the title speaks of."""

    field: str
    name: str
    labels: dict[str, str]
    verb: str
    key: str


_PRIORITIES = _Mix("priority", "Priority", dict(Priority.choices), "are urgent", Priority.URGENT)
_SENTIMENTS = _Mix("sentiment", "Sentiment", dict(Sentiment.choices), "sound unhappy", Sentiment.NEGATIVE)


def _volume_title(opened: int, before: int, span: Span) -> str:
    noun = "ticket" if opened == 1 else "tickets"
    if not before:
        return f"{opened:,} {noun} came in; there is nothing to compare with yet"
    change = round(100 * (opened - before) / before)
    if not change:
        return f"{opened:,} {noun} came in, as many as in {_BEFORE[span.days]}"
    direction = "more" if change > 0 else "fewer"
    return f"{opened:,} {noun} came in, {abs(change)} % {direction} than {_BEFORE[span.days]}"


def _categories(actor: Actor, span: Span) -> dict[str, Any]:
    rows = volume.mix(actor=actor, span=span, field="category")
    names = dict(
        Category.objects.filter(pk__in=[row["value"] for row in rows if row["value"]]).values_list(
            "pk", "name"
        )
    )
    lines = _lines(rows, names, span, "category__id__exact")
    known = [line for line in lines if line["count"] and line["label"] != "Undecided"]
    total = sum(line["count"] for line in lines)
    top = known[0] if known else None
    title = f"{top['label']} makes up {percent(top['count'], total):.0f} %" if top else "No category yet"
    return {"name": "Category", "title": title, "lines": lines, "empty": not total}


def _mix(actor: Actor, span: Span, wanted: _Mix) -> dict[str, Any]:
    field, labels = wanted.field, wanted.labels
    lines = _lines(volume.mix(actor=actor, span=span, field=field), labels, span, f"{field}__exact")
    order = [*labels.values(), "Undecided"]
    lines.sort(key=lambda line: order.index(line["label"]) if line["label"] in order else len(order))
    total = sum(line["count"] for line in lines)
    share = percent(sum(line["count"] for line in lines if line["value"] == wanted.key), total)
    return {
        "name": wanted.name,
        "title": f"{share:.0f} % {wanted.verb}",
        "lines": lines,
        "empty": not total,
        "field": field,
    }


def _lines(rows: list[dict[str, Any]], labels: Any, span: Span, lookup: str) -> list[dict[str, Any]]:
    """Bars with their share of all and of the longest."""
    total = sum(row["count"] for row in rows)
    longest = max((row["count"] for row in rows), default=0)
    shown = [row for row in rows if row["count"] or row["before"]][:_MIX_LINES]
    return [
        {
            **row,
            "label": labels.get(row["value"], row["value"]) if row["value"] else "Undecided",
            "share": percent(row["count"], total),
            "length": percent(row["count"], longest),
            "link": _opened(span, **_lookup(lookup, row["value"])),
        }
        for row in shown
    ]


def _lookup(name: str, value: Any) -> dict[str, Any]:
    """The list filter of one bar; tickets without a value have none."""
    if value:
        return {name: value}
    return {f"{name.partition('__')[0]}__isnull": 1}


def _part(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %".replace(".0 %", " %")


def _points(value: float | None, before: float | None) -> str:
    """A difference of shares, in percentage points."""
    if value is None or before is None:
        return ""
    points = round(100 * (value - before), 1)
    return "unchanged" if not points else f"{points:+.1f} points".replace("-", "−")


def _ratio(value: float | None, before: float | None) -> str:
    """A relative change in percent."""
    if value is None or not before:
        return ""
    change = round(100 * (value - before) / before)
    return "unchanged" if not change else f"{change:+d} %".replace("-", "−")


def _tone(value: float | None, bound: float, *, below: bool = False) -> str:
    if value is None:
        return ""
    return "good" if (value < bound if below else value >= bound) else "bad"


def _total(value: timedelta | None) -> float | None:
    return value.total_seconds() if value is not None else None


def _seconds(value: timedelta | None) -> str:
    if value is None:
        return "–"
    seconds = value.total_seconds()
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"
