"""The desk's queue: filters from the address, counts of the views, one page of tickets (T9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Case, Count, F, OrderBy, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from common.actors import Actor, Role
from common.registries import ticket_list_columns
from teams.choices import TeamKind
from teams.models import Client, Team, TeamMember, User
from ticketing.choices import Channel, Priority, Severity, Status, StatusCategory
from ticketing.models import Category, SavedView, Taxonomy, Ticket
from ticketing.querysets import TicketQuerySet, rank_of, statuses_in
from ticketing.selectors.search import tickets_search

PAGE_SIZE: Final = 50
NEIGHBOURS: Final = 50
SOON: Final = timedelta(hours=2)
"""A deadline nearer than this is due soon where no SLA policy says otherwise."""

ACTIVE: Final = "active"
EVERY: Final = "all"
_STATUS_LABELS: Final = {
    ACTIVE: gettext_lazy("Open and waiting"),
    StatusCategory.OPEN.value: gettext_lazy("Open"),
    StatusCategory.WAITING.value: gettext_lazy("Waiting"),
    StatusCategory.RESOLVED.value: gettext_lazy("Resolved"),
    StatusCategory.CLOSED.value: gettext_lazy("Closed"),
    EVERY: gettext_lazy("Any status"),
}
_WHO: Final = {
    "me": gettext_lazy("Me"),
    "teams": gettext_lazy("My teams"),
    "none": gettext_lazy("Unassigned"),
}
_SLA: Final = {"breached": gettext_lazy("Breached"), "soon": gettext_lazy("Due soon")}
_REVIEW: Final = {"yes": gettext_lazy("Needs review"), "no": gettext_lazy("Nothing to review")}
_SORTS: Final = {
    "newest": gettext_lazy("Newest first"),
    "oldest": gettext_lazy("Oldest first"),
    "due": gettext_lazy("Due first"),
    "severity": gettext_lazy("Worst first"),
    "updated": gettext_lazy("Last changed"),
}
_NAMES: Final = (
    "status", "who", "team", "severity", "priority", "category", "review", "sla", "channel", "client", "sort",
)  # fmt: skip
_WORDS: Final = ("tag", "q")
"""What is asked for in the person's own words."""

_WORD_LABELS: Final = {"tag": gettext_lazy("Tag"), "q": gettext_lazy("Search")}
_SAVED_LIMIT: Final = 30
_LABELS: Final = {
    "status": gettext_lazy("Status"),
    "who": gettext_lazy("Assignee"),
    "team": gettext_lazy("Team"),
    "severity": gettext_lazy("Severity"),
    "priority": gettext_lazy("Priority"),
    "category": gettext_lazy("Category"),
    "review": gettext_lazy("Review"),
    "sla": gettext_lazy("SLA"),
    "channel": gettext_lazy("Channel"),
    "client": gettext_lazy("Client"),
    "sort": gettext_lazy("Order"),
}


@dataclass(frozen=True, slots=True)
class DeskFilter:
    """What the address asks for; empty values do not filter."""

    status: str = ACTIVE
    who: str = ""
    team: str = ""
    severity: str = ""
    priority: str = ""
    category: str = ""
    review: str = ""
    sla: str = ""
    channel: str = ""
    client: str = ""
    sort: str = ""
    tag: str = ""
    q: str = ""

    @property
    def query(self) -> str:
        """The filter as an address's query, with its question mark; empty for the default view."""
        given = {name: getattr(self, name) for name in (*_NAMES, *_WORDS)}
        kept = {name: value for name, value in given.items() if value and (name, value) != ("status", ACTIVE)}
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def is_default(self) -> bool:
        """Whether nothing is asked for beyond the default view."""
        return self.query == ""


def filter_read(params: Mapping[str, str], choices: Mapping[str, Mapping[str, str]]) -> DeskFilter:
    """The filter in an address; unknown names and values are ignored."""
    given = {name: params.get(name, "") for name in _NAMES}
    known = {name: value for name, value in given.items() if value in choices[name]}
    words = {name: params.get(name, "").replace("\x00", "").strip()[:200] for name in _WORDS}
    return replace(DeskFilter(), **known, **words)


def _said(labels: Mapping[str, Any]) -> dict[str, str]:
    """Labels in the reader's language."""
    return {value: str(label) for value, label in labels.items()}


def filter_choices(actor: Actor) -> dict[str, dict[str, str]]:
    """Every value a filter may have, with its label, within the actor's reach."""
    categories = Category.objects.visible_to(actor).active().filter(taxonomy__in=_taxonomies(actor))
    clients = dict(Client.objects.visible_to(actor).active().values_list("slug", "name"))
    people = {f"@{row.username}": row.display_name for row in people_of(actor)}
    return {
        "status": _said(_STATUS_LABELS),
        "who": {**_said(_WHO), **people},
        "team": dict(teams_of(actor).values_list("slug", "name")),
        "severity": _said(dict(Severity.choices)),
        "priority": _said(dict(Priority.choices)),
        "category": dict(categories.values_list("slug", "name")),
        "review": _said(_REVIEW),
        "sla": _said(_SLA),
        "channel": _said(dict(Channel.choices)),
        "client": clients if len(clients) > 1 else {},
        "sort": _said(_SORTS),
    }


def teams_of(actor: Actor) -> QuerySet[Team]:
    """Teams that work on what the actor sees: of the taxonomies in use, the clients' own, and the actor's.

    Teams that only serve taxonomies nobody here uses would filter to nothing.
    """
    taxonomies = _taxonomies(actor)
    serving = (
        Q(default_categories__taxonomy__in=taxonomies)
        | Q(routing_rules__taxonomy__in=taxonomies)
        | Q(members__user=actor.user_id)
        | Q(client__isnull=False)
    )
    rows: QuerySet[Team] = Team.objects.visible_to(actor).filter(is_active=True)
    return rows.exclude(kind=TeamKind.PATH_ONLY).filter(serving).distinct()


def people_of(actor: Actor) -> QuerySet[User]:
    """People who work on tickets of the actor's clients."""
    rows: QuerySet[User] = User.objects.visible_to(actor).filter(is_active=True)
    working = Q(memberships__isnull=False) | Q(pk=actor.user_id)
    rows = rows.exclude(groups__name="Requesters").filter(working).distinct()
    return rows.order_by("first_name", "last_name", "username")


def _taxonomies(actor: Actor) -> QuerySet[Taxonomy]:
    """Taxonomies in use by the actor's clients; categories of the others would filter to nothing."""
    if actor.client_ids is None:
        return Taxonomy.objects.filter(client_settings__isnull=False)
    return Taxonomy.objects.filter(client_settings__client__in=actor.client_ids)


def tickets_filter(actor: Actor, wanted: DeskFilter, *, now: datetime) -> TicketQuerySet:
    """The visible tickets of a view, in its order."""
    rest = filter_condition(actor, replace(wanted, q=""), now=now)
    rows = Ticket.objects.visible_to(actor).filter(rest).order_by(*_order(wanted.sort))
    return tickets_search(rows, wanted.q, actor=actor)


def ticket_named(actor: Actor, reference: str) -> Ticket | None:
    """The visible ticket of a reference, whatever became of it: who quotes a number wants that ticket."""
    return Ticket.objects.visible_to(actor).filter(reference__iexact=reference.strip()).first()


def filter_condition(actor: Actor, wanted: DeskFilter, *, now: datetime) -> Q:
    """What a view asks of a visible ticket, as one condition: the rail counts with it."""
    plain = {
        "severity": wanted.severity,
        "priority": wanted.priority,
        "channel": wanted.channel,
        "category__slug": wanted.category,
        "team__slug": wanted.team,
        "client__slug": wanted.client,
    }
    asked = Q(**{name: value for name, value in plain.items() if value})
    asked &= _status_condition(wanted.status) & _who_condition(actor, wanted.who)
    if wanted.sla == "breached":
        asked &= _status_condition(ACTIVE) & Q(next_due_at__lt=now)
    elif wanted.sla == "soon":
        asked &= _status_condition(ACTIVE) & Q(next_due_at__gte=now, next_due_at__lt=now + SOON)
    if wanted.review:
        asked &= Q(needs_review=wanted.review == "yes")
    if wanted.tag:
        asked &= Q(pk__in=Ticket.objects.filter(tags__name=wanted.tag).values("pk"))
    if wanted.q:
        found = tickets_search(Ticket.objects.all(), wanted.q, actor=actor, at_once=True)
        asked &= Q(pk__in=found.values("pk"))
    return asked


def _status_condition(status: str) -> Q:
    if status == EVERY:
        return Q()
    categories = ("open", "waiting") if status == ACTIVE else (status,)
    return Q(status__in=statuses_in(*categories))


def _who_condition(actor: Actor, who: str) -> Q:
    if who == "me":
        return Q(assignee_id=actor.user_id)
    if who == "none":
        return Q(assignee=None)
    if who == "teams":
        return Q(team__in=TeamMember.objects.filter(user_id=actor.user_id or 0).values("team"))
    return Q(assignee__username=who[1:]) if who else Q()


def _order(sort: str) -> Sequence[str | OrderBy | Case]:
    orders: dict[str, Sequence[str | OrderBy | Case]] = {
        "oldest": ("created_at", "pk"),
        "due": (F("next_due_at").asc(nulls_last=True), "created_at", "pk"),
        "severity": (rank_of("severity", Severity.values), "created_at", "pk"),
        "updated": ("-updated_at", "-pk"),
    }
    return orders.get(sort, ("-created_at", "-pk"))


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force and the address without it."""

    label: str
    value_label: str
    remove_url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select."""

    value: str
    label: str
    selected: bool = False


@dataclass(frozen=True, slots=True)
class FilterField:
    """A filter that is not in force, as a select."""

    name: str
    label: str
    choices: list[Choice]


def chips_of(wanted: DeskFilter, choices: Mapping[str, Mapping[str, str]], base: str) -> list[Chip]:
    """The filters in force; the default status is none."""
    chips = []
    for name in _NAMES:
        value = getattr(wanted, name)
        if not value or (name, value) == ("status", ACTIVE):
            continue
        rest = replace(wanted, **{name: ACTIVE if name == "status" else ""})
        chips.append(Chip(str(_LABELS[name]), choices[name][value], base + rest.query))
    return chips + [
        Chip(str(_WORD_LABELS[name]), value, base + replace(wanted, **{name: ""}).query)
        for name in _WORDS
        if (value := getattr(wanted, name))
    ]


def fields_of(wanted: DeskFilter, choices: Mapping[str, Mapping[str, str]]) -> list[FilterField]:
    """The filters that can still be added."""
    return [
        FilterField(
            name,
            str(_LABELS[name]),
            [Choice(value, label) for value, label in choices[name].items() if value != ACTIVE],
        )
        for name in _NAMES
        if choices[name] and (not getattr(wanted, name) or (name, wanted.status) == ("status", ACTIVE))
    ]


def hidden_of(wanted: DeskFilter) -> list[tuple[str, str]]:
    """The filters in force as pairs, kept when another one is added."""
    given = [(name, getattr(wanted, name)) for name in (*_NAMES, *_WORDS)]
    return [pair for pair in given if pair[1] and pair != ("status", ACTIVE)]


@dataclass(frozen=True, slots=True)
class RailLink:
    """A view in the left rail."""

    name: str
    url: str
    icon: str
    count: int | None = None
    current: bool = False
    hot: bool = False


@dataclass(frozen=True, slots=True)
class RailGroup:
    """Views that belong together."""

    title: str
    links: list[RailLink] = field(default_factory=list)


_VIEWS: Final = (
    (gettext_lazy("All open"), DeskFilter(), "inbox", False),
    (gettext_lazy("My tickets"), DeskFilter(who="me"), "user", False),
    (gettext_lazy("My teams"), DeskFilter(who="teams"), "users", False),
    (gettext_lazy("Unassigned"), DeskFilter(who="none"), "help", False),
    (gettext_lazy("Needs review"), DeskFilter(review="yes"), "spark", False),
    (gettext_lazy("Waiting for others"), DeskFilter(status="waiting"), "pause", False),
    (gettext_lazy("Due soon"), DeskFilter(sla="soon", sort="due"), "hourglass", True),
    (gettext_lazy("Breached"), DeskFilter(sla="breached", sort="due"), "flag", True),
)
_COUNTED: Final = frozenset({ACTIVE, StatusCategory.OPEN.value, StatusCategory.WAITING.value})
"""Views of finished tickets carry no count: it only grows, and counting it reads everything."""


def rail_of(
    actor: Actor,
    wanted: DeskFilter,
    base: str,
    *,
    now: datetime,
    choices: Mapping[str, Mapping[str, str]],
) -> list[RailGroup]:
    """The desk's views and the saved ones with their counts, in three queries however many there are."""
    saved = saved_views(actor, choices)
    rows = [*((str(name), view, icon, hot) for name, view, icon, hot in _VIEWS)]
    rows += [(row.name, view, "star", False) for row, view in saved]
    counts = _view_counts(actor, [view for _, view, _, _ in rows], now)
    links = [
        RailLink(name, base + view.query, icon, count, view == wanted, hot)
        for (name, view, icon, hot), count in zip(rows, counts, strict=True)
    ]
    finished = [
        RailLink(str(name), base + view.query, icon, None, view == wanted)
        for name, view, icon in (
            (gettext("Resolved"), DeskFilter(status="resolved", sort="updated"), "check-circle"),
            (gettext("Everything"), DeskFilter(status=EVERY), "layers"),
        )
    ]
    groups = [RailGroup(gettext("Views"), links[: len(_VIEWS)]), RailGroup(gettext("By status"), finished)]
    if saved:
        groups.insert(1, RailGroup(gettext("Saved views"), links[len(_VIEWS) :]))
    teams = _team_links(actor, wanted, base)
    return [*groups, RailGroup(gettext("Teams"), teams)] if teams else groups


def saved_views(actor: Actor, choices: Mapping[str, Mapping[str, str]]) -> list[tuple[SavedView, DeskFilter]]:
    """The views the actor may use, each with what it asks for."""
    rows = SavedView.objects.visible_to(actor)
    return [(row, filter_read(QueryDict(row.query).dict(), choices)) for row in rows[:_SAVED_LIMIT]]


def _view_counts(actor: Actor, views: Sequence[DeskFilter], now: datetime) -> list[int | None]:
    """The number of tickets in each view, in one query; None for views that are not counted."""
    asked = {
        f"view_{place}": Count("pk", filter=filter_condition(actor, view, now=now))
        for place, view in enumerate(views)
        if view.status in _COUNTED
    }
    row = Ticket.objects.visible_to(actor).open().aggregate(**asked)
    return [row.get(f"view_{place}") for place in range(len(views))]


def _team_links(actor: Actor, wanted: DeskFilter, base: str) -> list[RailLink]:
    rows = (
        Ticket.objects.visible_to(actor)
        .open()
        .filter(team__isnull=False)
        .order_by("team__name")
        .values("team__slug", "team__name")
        .annotate(count=Count("pk"))
    )
    return [
        RailLink(
            row["team__name"],
            base + DeskFilter(team=row["team__slug"]).query,
            "users",
            row["count"],
            wanted == DeskFilter(team=row["team__slug"]),
        )
        for row in rows
    ]


def view_name(rail: Iterable[RailGroup], wanted: DeskFilter) -> str:
    """The name of the view: the rail's, else what is searched for."""
    for group in rail:
        for link in group.links:
            if link.current:
                return link.name
    return gettext("Search") if wanted.q else gettext("Filtered tickets")


def view_words(wanted: DeskFilter, choices: Mapping[str, Mapping[str, str]]) -> str:
    """The view in a few words, for the way back to it."""
    words = [chip.value_label for chip in chips_of(replace(wanted, sort=""), choices, "")]
    return ", ".join(str(word) for word in words) or gettext("All open")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list with its neighbours."""

    label: str
    previous_url: str
    next_url: str


def tickets_page(
    actor: Actor, wanted: DeskFilter, base: str, *, number: str, now: datetime
) -> tuple[list[Ticket], int, Page]:
    """One page of a view, the number of its tickets, and where its neighbours are."""
    paginator = Paginator(tickets_filter(actor, wanted, now=now).for_list(), PAGE_SIZE)
    page = paginator.get_page(number)
    tickets = list(page.object_list)
    columns_attach(tickets)
    label = gettext("%(start_index)s–%(end_index)s of %(count)s") % {
        "start_index": page.start_index(),
        "end_index": page.end_index(),
        "count": paginator.count,
    }
    before = page_url(base, wanted, page.previous_page_number()) if page.has_previous() else ""
    after = page_url(base, wanted, page.next_page_number()) if page.has_next() else ""
    return tickets, paginator.count, Page(label, before, after)


def page_url(base: str, wanted: DeskFilter, number: int) -> str:
    """The address of one page of a view."""
    return f"{base}{wanted.query}{'&' if wanted.query else '?'}page={number}"


def columns_attach(tickets: Sequence[Ticket]) -> None:
    """Give each ticket the columns other apps offer, as ``<key>_state``, in one batch a column."""
    for key, panel in ticket_list_columns.items():
        values = panel.load([ticket.pk for ticket in tickets])
        for ticket in tickets:
            setattr(ticket, f"{key}_state", values.get(ticket.pk, ""))


def neighbours_of(actor: Actor, wanted: DeskFilter, *, now: datetime) -> list[Ticket]:
    """The first tickets of the view, for the list beside a ticket."""
    tickets = list(tickets_filter(actor, wanted, now=now).for_list()[:NEIGHBOURS])
    columns_attach(tickets)
    return tickets


def neighbours_total(actor: Actor, wanted: DeskFilter, listed: Sequence[Ticket], *, now: datetime) -> int:
    """How many tickets the view holds; counted only where the list beside a ticket does not show them all."""
    if len(listed) < NEIGHBOURS:
        return len(listed)
    return int(tickets_filter(actor, wanted, now=now).count())


def bulk_teams(actor: Actor) -> list[Choice]:
    """Teams that tickets can be given to."""
    return [Choice(str(row.pk), row.name) for row in teams_of(actor)]


def bulk_people(actor: Actor) -> list[Choice]:
    """People who work on tickets of the actor's clients."""
    return [Choice(str(row.pk), row.display_name) for row in people_of(actor)]


def bulk_statuses() -> list[Choice]:
    """Statuses a list of tickets can be moved to; the table of transitions is checked ticket by ticket."""
    return [Choice(value, str(label)) for value, label in Status.choices if value != Status.NEW]


def may_use_desk(actor: Actor) -> bool:
    """Whether the desk is this person's place of work."""
    return actor.is_staff and actor.role is not Role.SERVICE
