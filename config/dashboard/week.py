"""What changed: charts of volume, mood and the mixes, each with its finding and the table behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from common.actors import Actor
from config.charts import columns, percent, slices
from config.dashboard import links, texts
from ticketing.choices import Priority, Sentiment
from ticketing.models import Category
from ticketing.selectors import volume
from ticketing.selectors.volume import Span

BEFORE = {
    1: gettext_lazy("yesterday by this time"),
    7: gettext_lazy("the 7 days before"),
    30: gettext_lazy("the 30 days before"),
}
_LINES = 8


def changes(actor: Actor, span: Span, totals: dict[str, Any]) -> dict[str, Any]:
    """The charts of the last question; each title says what is to be seen."""
    slots = volume.per_day(actor=actor, span=span)
    label = "H:i" if span.days == 1 else "SHORT_DATE_FORMAT"
    rows = [(date_format(slot, label), count) for slot, count in slots]
    opened, before = totals["opened"], totals["opened_before"]
    busiest = max(rows, key=lambda row: row[1], default=("", 0))
    return {
        "volume": {
            "title": _volume_title(opened, before, span),
            "note": _("Busiest: %(busiest)s with %(busiest_2)s.")
            % {"busiest": busiest[0], "busiest_2": texts.number(busiest[1])}
            if busiest[1]
            else "",
            "axis": _("tickets an hour") if span.days == 1 else _("tickets a day"),
            "chart": columns(rows),
            "rows": rows,
            "link": links.opened(span),
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
    rows = [(date_format(slot, label), round(percent(negative, known))) for slot, known, negative in days]
    known, negative = sum(day[1] for day in days), sum(day[2] for day in days)
    half = len(days) // 2
    early, late = (
        percent(sum(day[2] for day in part), sum(day[1] for day in part))
        for part in (days[:half], days[half:])
    )
    trend = _(", rising") if late > early + 2 else _(", falling") if late < early - 2 else _(", steady")
    if not all(sum(day[1] for day in part) for part in (days[:half], days[half:])):
        trend = ""  # Half a period without a ticket is no trend.
    return {
        "title": _("%(share)s %% sound unhappy%(trend)s")
        % {"share": f"{percent(negative, known):.0f}", "trend": trend},
        "note": _("%(negative)s of %(known)s tickets whose mood is known; target under 20 %%.")
        % {"negative": texts.number(negative), "known": texts.number(known)},
        "axis": _("percent unhappy an hour") if span.days == 1 else _("percent unhappy a day"),
        "chart": columns(rows),
        "rows": rows,
        "link": links.opened(span, sentiment__exact=Sentiment.NEGATIVE.value),
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


_PRIORITIES = _Mix(
    "priority", gettext_lazy("Priority"), dict(Priority.choices), gettext_lazy("are urgent"), Priority.URGENT
)
_SENTIMENTS = _Mix(
    "sentiment",
    gettext_lazy("Sentiment"),
    dict(Sentiment.choices),
    gettext_lazy("sound unhappy"),
    Sentiment.NEGATIVE,
)


def _volume_title(opened: int, before: int, span: Span) -> str:
    came = ngettext("%(count)s ticket came in", "%(count)s tickets came in", opened) % {
        "count": texts.number(opened)
    }
    if not before:
        return _("%(came)s; there is nothing to compare with yet") % {"came": came}
    change = round(100 * (opened - before) / before)
    words = {"came": came, "share": abs(change), "period": BEFORE[span.days]}
    if not change:
        return _("%(came)s, as many as in %(period)s") % words
    if change > 0:
        return _("%(came)s, %(share)s %% more than %(period)s") % words
    return _("%(came)s, %(share)s %% fewer than %(period)s") % words


def _categories(actor: Actor, span: Span) -> dict[str, Any]:
    rows = volume.mix(actor=actor, span=span, field="category")
    names = dict(
        Category.objects.filter(pk__in=[row["value"] for row in rows if row["value"]]).values_list(
            "pk", "name"
        )
    )
    lines = _lines(rows, names, span, "category__id__exact")
    known = [line for line in lines if line["count"] and line["label"] != _("Undecided")]
    total = sum(line["count"] for line in lines)
    top = known[0] if known else None
    title = (
        _("%(top)s makes up %(share)s %%")
        % {"top": top["label"], "share": f"{percent(top['count'], total):.0f}"}
        if top
        else _("No category yet")
    )
    pie = slices([(line["label"], line["count"]) for line in lines])
    return {"name": _("Category"), "title": title, "lines": lines, "empty": not total, "pie": pie}


def _mix(actor: Actor, span: Span, wanted: _Mix) -> dict[str, Any]:
    field, labels = wanted.field, wanted.labels
    lines = _lines(volume.mix(actor=actor, span=span, field=field), labels, span, f"{field}__exact")
    order = [*labels.values(), _("Undecided")]
    lines.sort(key=lambda line: order.index(line["label"]) if line["label"] in order else len(order))
    total = sum(line["count"] for line in lines)
    share = percent(sum(line["count"] for line in lines if line["value"] == wanted.key), total)
    return {
        "name": wanted.name,
        "title": _("%(share)s %% %(verb)s") % {"share": f"{share:.0f}", "verb": wanted.verb},
        "lines": lines,
        "empty": not total,
        "field": field,
    }


def _lines(rows: list[dict[str, Any]], labels: Any, span: Span, lookup: str) -> list[dict[str, Any]]:
    """Bars with their share of all and of the longest."""
    total = sum(row["count"] for row in rows)
    longest = max((row["count"] for row in rows), default=0)
    shown = [row for row in rows if row["count"] or row["before"]][:_LINES]
    return [
        {
            **row,
            "label": labels.get(row["value"], row["value"]) if row["value"] else _("Undecided"),
            "share": percent(row["count"], total),
            "length": percent(row["count"], longest),
            "link": links.opened(span, **_lookup(lookup, row["value"])),
        }
        for row in shown
    ]


def _lookup(name: str, value: Any) -> dict[str, Any]:
    """The list filter of one bar; tickets without a value have none."""
    if value:
        return {name: value}
    field = name.partition("__")[0]
    return {f"{field}__isnull": 1} if field == "category" else {f"{field}__exact": ""}
