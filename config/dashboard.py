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
from config.charts import columns, percent, slices
from config.health.checks import scheduler
from teams.api.actors import actor_of
from teams.selectors import alerts_newest, alerts_open
from ticketing.choices import Priority, Sentiment
from ticketing.models import Category
from ticketing.selectors import satisfaction, volume
from ticketing.selectors.volume import Span

PERIODS = {1: "Today", 7: "7 days", 30: "30 days"}
_BEFORE = {1: "yesterday by this time", 7: "the 7 days before", 30: "the 30 days before"}
_ENGINES = {"rules": "Rules", "local": "Local model", "llm": "Language model", "fallback": "Fallback"}
_MIX_LINES = 8
_ALERTS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it means, what it was, what it should be and where it comes from.

    ``tone`` is "good", "bad", "warn" or empty; ``change`` compares with the period before. ``count`` is the
    number of rows behind ``link``, where the figure counts rows; a test opens each and counts them.
    """

    label: str
    value: str
    link: str = ""
    tone: str = ""
    change: str = ""
    target: str = ""
    note: str = ""
    count: int | None = None


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
    review = figures.reviews(actor=actor, span=span)
    sections = [
        {"title": "Is something burning?", "figures": _burning(open_now, run, actor, now), "live": True},
        {"title": "Are we keeping promises?", "figures": _promises(actor, span, totals)},
        {"title": "Is the AI right, and what did it cost?", "figures": _ai(actor, span, run, review)},
    ]
    return {
        "periods": [{"days": key, "label": label, "on": key == days} for key, label in PERIODS.items()],
        "before": _BEFORE[days],
        "since": span.start,
        "silent": _silent(),
        "alerts": [
            {"message": row.message, "severity": row.severity, "since": row.created_at, "count": row.count}
            for row in alerts_newest(actor, limit=_ALERTS)
        ],
        "sections": sections,
        "week": _changes(actor, span, totals),
        "blind": _blind_tables(review, span),
        "satisfaction": _satisfaction_groups(actor, span),
        "empty": not open_now["open"] and not totals["opened"] and not totals["opened_before"],
        "links": {
            "portal": "/portal/",
            "desk": reverse("desk:queue"),
            "rules": _list("ticketing_routingrule"),
            "alerts": _list("teams_alert", state__exact="open"),
        },
    }


def _silent() -> str:
    """What is wrong with the scheduler, if anything: it cannot raise an alert about itself (S7)."""
    state, detail = scheduler()
    return "" if state == "ok" else detail


def _list(name: str, **query: Any) -> str:
    """A list of the back office, filtered."""
    url = reverse(f"admin:{name}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def _tickets(**query: Any) -> str:
    return _list("ticketing_ticket", **query)


def _set(name: str, span: Span | None = None, **query: Any) -> str:
    """The tickets of a named set, in a period."""
    if span is not None:
        query = {"since": span.start.isoformat(), "until": span.until.isoformat(), **query}
    return _tickets(set=name, **query)


def _opened(span: Span, **query: Any) -> str:
    return _set("opened", span, **query)


def _within(span: Span, field: str) -> dict[str, str]:
    """The period as filters of a list of the back office."""
    return {f"{field}__gte": span.start.isoformat(), f"{field}__lt": span.until.isoformat()}


def _burning(open_now: dict[str, int], run: dict[str, Any], actor: Actor, now: datetime) -> list[Figure]:
    alerts = alerts_open(actor)

    def line(label: str, count: int, link: str, tone: str, quiet: str) -> Figure:
        note = "" if count else quiet
        return Figure(label, f"{count:,}", link, tone if count else "good", note=note, count=count)

    critical, overdue = open_now["critical"], open_now["overdue"]
    stuck = _list("classifier_workflowrun", state__exact="stuck")
    return [
        line("Critical and open", critical, _set("critical"), "bad", "None"),
        line("Overdue", overdue, _set("overdue", until=now.isoformat()), "bad", "All in time"),
        line("Open alerts", alerts, _list("teams_alert", state__exact="open"), "warn", "All quiet"),
        line("Runs that need a person", run["stuck_now"], stuck, "bad", "Triage is flowing"),
        Figure("Open tickets", f"{open_now['open']:,}", _set("open"), count=open_now["open"]),
        Figure(
            "Without a person",
            f"{open_now['unassigned']:,}",
            _set("unassigned"),
            count=open_now["unassigned"],
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
            _set("routed", span),
            _tone(share, 0.95),
            _points(share, earlier),
            "over 95 %",
            f"{kept['routed']:,} tickets routed",
            kept["routed"],
        ),
        Figure(
            "Time to route",
            _seconds(totals["to_route"]),
            _set("triaged", span),
            change=_ratio(_total(totals["to_route"]), _total(totals["to_route_before"])),
            note=f"mean of {totals['triaged']:,}, from opening to triage",
            count=totals["triaged"],
        ),
        Figure(
            "Resolved",
            f"{totals['resolved']:,}",
            _set("resolved", span),
            change=_ratio(totals["resolved"], totals["resolved_before"]),
            count=totals["resolved"],
        ),
        _satisfaction(actor, span),
    ]


def _satisfaction(actor: Actor, span: Span) -> Figure:
    """The mean of the ratings, 1 to 5; few people rate, so the number stands beside it."""
    rated = satisfaction.overall(actor=actor, span=span)
    noun = "rating" if rated["count"] == 1 else "ratings"
    return Figure(
        "Satisfaction",
        "–" if rated["mean"] is None else f"{rated['mean']:.1f}",
        _list("ticketing_ticketfeedback", created_at__gte=span.start.isoformat()),
        _tone(rated["mean"], 4.5),
        _ratio(rated["mean"], rated["mean_before"]),
        "over 4.5",
        f"{rated['count']:,} {noun}" if rated["count"] else "Nobody has rated yet",
        rated["count"],
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
    due = {
        "state__in": "running,paused",
        "stopped_at__isnull": 1,
        "breached_at__isnull": 1,
        "due_at__gt": span.until.isoformat(),
        "due_at__lte": (span.until + timedelta(hours=1)).isoformat(),
    }
    return [
        Figure(
            "Deadlines met",
            _share(card["attainment"]),
            _list("sla_clock", state__in="met,breached", **_within(span, "stopped_at")),
            _tone(card["attainment"], 0.9),
            _points(card["attainment"], earlier["attainment"]),
            "over 90 %",
            f"{card['met']:,} of {ended:,}" if ended else "No deadline has ended yet",
            ended,
        ),
        Figure(
            "Due within the hour",
            f"{card['due_soon']:,}",
            _list("sla_clock", **due),
            "warn" if card["due_soon"] else "",
            note=f"{card['breached_now']:,} already late",
            count=card["due_soon"],
        ),
    ]


def _ai(actor: Actor, span: Span, run: dict[str, Any], review: dict[str, Any]) -> list[Figure]:
    decided = figures.decided(actor=actor, span=span)
    calls = figures.llm(actor=actor, span=span)
    agreed = figures.agreement(actor=actor, span=span)
    return [
        *_quality(span, decided, review),
        *_urgency(span, review),
        _agreement(agreed),
        _adoption(actor, span),
        *_engine(span, decided, run, calls),
    ]


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
            _set("applied", span),
            "",
            _points(applied, earlier),
            "",
            f"{decided['applied']:,} of {decided['total']:,} tickets",
            decided["applied"],
        ),
        Figure(
            "Review rate",
            _share(rate),
            _list("classifier_reviewitem", is_blind__exact=0, **_within(span, "created_at")),
            _tone(rate, 0.2, below=True),
            _points(rate, rate_before),
            "under 20 %",
            f"{review['asked']:,} asked, {review['open']:,} waiting for a person",
            review["asked"],
        ),
        Figure(
            "Accuracy, blind sample",
            _share(accuracy) if accuracy is not None else "–",
            _blind(span),
            _tone(accuracy, 0.9),
            _points(accuracy, review["accuracy_before"]),
            "over 90 %",
            f"{blind:,} answers"
            if accuracy is not None
            else f"Not enough answers yet: {blind} of {figures.ENOUGH_ANSWERS}",
            blind,
        ),
    ]


def _blind(span: Span) -> str:
    """The answers of the blind sample in a period."""
    answered = {"is_blind__exact": 1, "state__in": "accepted,corrected"}
    return _list("classifier_reviewitem", **answered, **_within(span, "reviewed_at"))


def _urgency(span: Span, review: dict[str, Any]) -> list[Figure]:
    """Critical and high: called in vain, and not called, by the answers of the blind sample."""
    false, missed = figures.alarms(review["answers"])
    few = "Not enough answers yet" if false is None and missed is None else ""
    return [
        Figure(
            "False alarms",
            _share(false),
            _blind(span),
            _tone(false, 0.05, below=True),
            target="under 5 %",
            note=few or "called urgent, was not",
            count=review["blind"],
        ),
        Figure(
            "Missed alarms",
            _share(missed),
            _blind(span),
            _tone(missed, 0.03, below=True),
            target="under 3 %",
            note=few or "was urgent, not called so",
            count=review["blind"],
        ),
    ]


def _blind_tables(review: dict[str, Any], span: Span) -> list[dict[str, Any]]:
    """Accuracy of the blind sample by predicted category and by file type, few answers marked as such."""
    return [
        {
            "title": title,
            "link": _blind(span),
            "rows": [
                {"label": value or "Undecided", "answers": count, "share": _share(share),
                 "few": count < figures.ENOUGH_ANSWERS, "tone": _tone(share, 0.9)}
                for value, count, share in figures.accuracy_by(review["answers"], name)
            ],
        }
        for title, name in (("By category", "category"), ("By file type", "file_type"))
    ]  # fmt: skip


def _adoption(actor: Actor, span: Span) -> Figure:
    """How often the proposed answer was sent, as it was or edited."""
    drafts = figures.adoption(actor=actor, span=span)
    share = _part(drafts["used"], drafts["decided"])
    return Figure(
        "Drafts used",
        _share(share),
        _list(
            "classifier_responsedraft", state__in="accepted,edited,rejected", **_within(span, "created_at")
        ),
        "",
        _points(share, _part(drafts["used_before"], drafts["decided_before"])),
        "",
        f"{drafts['used']:,} of {drafts['decided']:,} decided on",
        drafts["decided"],
    )


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
    period = _within(span, "created_at")
    runs = {"purpose__exact": "triage", **period}
    engines = sorted(decided["engines"].items(), key=lambda pair: -pair[1])
    return [
        Figure(
            "Runs completed",
            _share(success),
            _list("classifier_workflowrun", state__in="completed,stuck", **runs),
            _tone(success, 0.99),
            _points(success, _part(run["completed_before"], earlier)),
            "over 99 %",
            f"{run['degraded']:,} of {ended:,} with a degraded step",
            ended,
        ),
        Figure(
            "Processing time",
            _milliseconds(run["duration"]),
            _list("classifier_workflowrun", state__exact="completed", **runs),
            change=_ratio(run["duration"], run["duration_before"]),
            target="under 10 s",
            note=f"mean of {run['completed']:,} triage runs",
            count=run["completed"],
        ),
        Figure(
            "Cost a ticket",
            f"${cost:.4f}" if cost is not None else "–",
            _list("classifier_workflowrun", state__exact="completed", **runs),
            _tone(cost, 0.1, below=True),
            "",
            "under $0.10",
            f"${float(run['spent'] or 0):,.2f} for {run['completed']:,} triage runs",
            run["completed"],
        ),
        Figure(
            "LLM calls",
            f"{calls['calls']:,}",
            _list("classifier_llmcall", **period),
            change=_ratio(calls["calls"], calls["calls_before"]),
            note=f"{calls['failed']:,} failed",
            count=calls["calls"],
        ),
        Figure(
            "Decided by",
            _ENGINES.get(engines[0][0], engines[0][0].title()) if engines else "–",
            _set("judged", span),
            note=" · ".join(_engine_share(name, count, decided["total"]) for name, count in engines),
            count=decided["total"],
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
        "mood": _mood(actor, span, label),
        "mixes": [
            _categories(actor, span),
            _mix(actor, span, _PRIORITIES),
            _mix(actor, span, _SENTIMENTS),
        ],
    }


def _mood(actor: Actor, span: Span, label: str) -> dict[str, Any]:
    """The share of unhappy tickets over time, against the bound at which an alert is raised (S7)."""
    days = volume.unhappy_per_day(actor=actor, span=span)
    rows = [(slot.strftime(label), round(percent(negative, known))) for slot, known, negative in days]
    known, negative = sum(day[1] for day in days), sum(day[2] for day in days)
    half = len(days) // 2
    early, late = (
        percent(sum(day[2] for day in part), sum(day[1] for day in part))
        for part in (days[:half], days[half:])
    )
    trend = ", rising" if late > early + 2 else ", falling" if late < early - 2 else ", steady"
    if not all(sum(day[1] for day in part) for part in (days[:half], days[half:])):
        trend = ""  # Half a period without a ticket is no trend.
    return {
        "title": f"{percent(negative, known):.0f} % sound unhappy{trend}",
        "note": f"{negative:,} of {known:,} tickets whose mood is known; target under 20 %.",
        "axis": "percent unhappy an hour" if span.days == 1 else "percent unhappy a day",
        "chart": columns(rows),
        "rows": rows,
        "link": _opened(span, sentiment__exact=Sentiment.NEGATIVE.value),
        "empty": not known,
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
    pie = slices([(line["label"], line["count"]) for line in lines])
    return {"name": "Category", "title": title, "lines": lines, "empty": not total, "pie": pie}


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
    field = name.partition("__")[0]
    return {f"{field}__isnull": 1} if field == "category" else {f"{field}__exact": ""}


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
