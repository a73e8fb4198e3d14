"""The desk's queue: filters from the address, counts of the views, one page of tickets (T9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, cast
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Case, Count, F, IntegerField, OrderBy, Q, QuerySet, Value, When

from common.actors import Actor, Role
from common.registries import ticket_list_columns
from teams.choices import TeamKind
from teams.models import Team, User
from ticketing.choices import Channel, Severity, Status, StatusCategory
from ticketing.models import Category, Taxonomy, Ticket
from ticketing.querysets import TicketQuerySet
from ticketing.selectors.search import tickets_search

PAGE_SIZE: Final = 50
NEIGHBOURS: Final = 50
SOON: Final = timedelta(hours=2)
"""A deadline nearer than this is due soon where no SLA policy says otherwise."""

ACTIVE: Final = "active"
EVERY: Final = "all"
_STATUS_LABELS: Final = {
    ACTIVE: "Open and waiting",
    StatusCategory.OPEN.value: "Open",
    StatusCategory.WAITING.value: "Waiting",
    StatusCategory.RESOLVED.value: "Resolved",
    StatusCategory.CLOSED.value: "Closed",
    EVERY: "Any status",
}
_WHO: Final = {"me": "Me", "none": "Nobody"}
_SLA: Final = {"breached": "Breached", "soon": "Due soon"}
_REVIEW: Final = {"yes": "Needs review", "no": "Nothing to review"}
_SORTS: Final = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "due": "Due first",
    "severity": "Worst first",
    "updated": "Last changed",
}
_NAMES: Final = ("status", "who", "team", "severity", "category", "review", "sla", "channel", "sort")
_LABELS: Final = {
    "status": "Status",
    "who": "Assignee",
    "team": "Team",
    "severity": "Severity",
    "category": "Category",
    "review": "Review",
    "sla": "SLA",
    "channel": "Channel",
    "sort": "Order",
}


@dataclass(frozen=True, slots=True)
class DeskFilter:
    """What the address asks for; empty values do not filter."""

    status: str = ACTIVE
    who: str = ""
    team: str = ""
    severity: str = ""
    category: str = ""
    review: str = ""
    sla: str = ""
    channel: str = ""
    sort: str = ""
    q: str = ""

    @property
    def query(self) -> str:
        """The filter as an address's query, with its question mark; empty for the default view."""
        given = {name: getattr(self, name) for name in (*_NAMES, "q")}
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
    return replace(DeskFilter(), **known, q=params.get("q", "").replace("\x00", "").strip()[:200])


def filter_choices(actor: Actor) -> dict[str, dict[str, str]]:
    """Every value a filter may have, with its label, within the actor's reach."""
    teams = Team.objects.visible_to(actor).filter(is_active=True).exclude(kind=TeamKind.PATH_ONLY)
    categories = Category.objects.visible_to(actor).active().filter(taxonomy__in=_taxonomies(actor))
    return {
        "status": dict(_STATUS_LABELS),
        "who": dict(_WHO),
        "team": dict(teams.values_list("slug", "name")),
        "severity": dict(Severity.choices),
        "category": dict(categories.values_list("slug", "name")),
        "review": dict(_REVIEW),
        "sla": dict(_SLA),
        "channel": dict(Channel.choices),
        "sort": dict(_SORTS),
    }


def _taxonomies(actor: Actor) -> QuerySet[Taxonomy]:
    """Taxonomies in use by the actor's clients; categories of the others would filter to nothing."""
    if actor.client_ids is None:
        return Taxonomy.objects.filter(client_settings__isnull=False)
    return Taxonomy.objects.filter(client_settings__client__in=actor.client_ids)


def tickets_filter(actor: Actor, wanted: DeskFilter, *, now: datetime) -> TicketQuerySet:
    """The visible tickets of a view, in its order."""
    rows = cast(TicketQuerySet, tickets_search(Ticket.objects.visible_to(actor), wanted.q, actor=actor))
    if wanted.status == ACTIVE:
        rows = rows.open()
    elif wanted.status != EVERY:
        rows = rows.in_categories(wanted.status)
    if wanted.who == "me":
        rows = rows.filter(assignee_id=actor.user_id)
    elif wanted.who == "none":
        rows = rows.filter(assignee=None)
    if wanted.sla == "breached":
        rows = rows.overdue(now=now)
    elif wanted.sla == "soon":
        rows = rows.open().filter(next_due_at__gte=now, next_due_at__lt=now + SOON)
    if wanted.review:
        rows = rows.filter(needs_review=wanted.review == "yes")
    plain = {"team__slug": wanted.team, "severity": wanted.severity, "channel": wanted.channel}
    plain["category__slug"] = wanted.category
    rows = rows.filter(**{name: value for name, value in plain.items() if value})
    return rows.order_by(*_order(wanted.sort))


def _order(sort: str) -> Sequence[str | OrderBy | Case]:
    worst = Case(
        *(When(severity=value, then=Value(rank)) for rank, value in enumerate(Severity.values)),
        default=Value(len(Severity.values)),
        output_field=IntegerField(),
    )
    orders: dict[str, Sequence[str | OrderBy | Case]] = {
        "oldest": ("created_at", "pk"),
        "due": (F("next_due_at").asc(nulls_last=True), "created_at", "pk"),
        "severity": (worst, "created_at", "pk"),
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
        chips.append(Chip(_LABELS[name], choices[name][value], base + rest.query))
    if wanted.q:
        chips.append(Chip("Search", wanted.q, base + replace(wanted, q="").query))
    return chips


def fields_of(wanted: DeskFilter, choices: Mapping[str, Mapping[str, str]]) -> list[FilterField]:
    """The filters that can still be added."""
    return [
        FilterField(
            name,
            _LABELS[name],
            [Choice(value, label) for value, label in choices[name].items() if value != ACTIVE],
        )
        for name in _NAMES
        if choices[name] and (not getattr(wanted, name) or (name, wanted.status) == ("status", ACTIVE))
    ]


def hidden_of(wanted: DeskFilter) -> list[tuple[str, str]]:
    """The filters in force as pairs, kept when another one is added."""
    given = [(name, getattr(wanted, name)) for name in (*_NAMES, "q")]
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


def rail_of(actor: Actor, wanted: DeskFilter, base: str, *, now: datetime) -> list[RailGroup]:
    """The desk's views with their counts, in two queries."""
    views = (
        ("All open", DeskFilter(), "inbox", False),
        ("My tickets", DeskFilter(who="me"), "user", False),
        ("Unassigned", DeskFilter(who="none"), "users", False),
        ("Needs review", DeskFilter(review="yes"), "spark", False),
        ("Due soon", DeskFilter(sla="soon", sort="due"), "hourglass", True),
        ("Breached", DeskFilter(sla="breached", sort="due"), "flag", True),
    )
    counts = _view_counts(actor, now)
    links = [
        RailLink(name, base + view.query, icon, counts[name], view == wanted, hot)
        for name, view, icon, hot in views
    ]
    finished = [
        RailLink(name, base + view.query, icon, None, view == wanted)
        for name, view, icon in (
            ("Waiting", DeskFilter(status="waiting"), "pause"),
            ("Resolved", DeskFilter(status="resolved", sort="updated"), "check-circle"),
            ("Everything", DeskFilter(status=EVERY), "layers"),
        )
    ]
    groups = [RailGroup("Views", links), RailGroup("By status", finished)]
    teams = _team_links(actor, wanted, base)
    return [*groups, RailGroup("Teams", teams)] if teams else groups


def _view_counts(actor: Actor, now: datetime) -> dict[str, int]:
    due = Q(next_due_at__gte=now, next_due_at__lt=now + SOON)
    row = (
        Ticket.objects.visible_to(actor)
        .open()
        .aggregate(
            every=Count("pk"),
            mine=Count("pk", filter=Q(assignee_id=actor.user_id)),
            nobody=Count("pk", filter=Q(assignee=None)),
            review=Count("pk", filter=Q(needs_review=True)),
            soon=Count("pk", filter=due),
            breached=Count("pk", filter=Q(next_due_at__lt=now)),
        )
    )
    return {
        "All open": row["every"],
        "My tickets": row["mine"],
        "Unassigned": row["nobody"],
        "Needs review": row["review"],
        "Due soon": row["soon"],
        "Breached": row["breached"],
    }


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
    return "Search" if wanted.q else "Filtered tickets"


def view_words(wanted: DeskFilter, choices: Mapping[str, Mapping[str, str]]) -> str:
    """The view in a few words, for the way back to it."""
    words = [chip.value_label for chip in chips_of(replace(wanted, sort=""), choices, "")]
    return ", ".join(words) or "All open"


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
    label = f"{page.start_index()}–{page.end_index()} of {paginator.count}"
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


def bulk_teams(actor: Actor) -> list[Choice]:
    """Teams that tickets can be given to."""
    rows = Team.objects.visible_to(actor).filter(is_active=True).exclude(kind=TeamKind.PATH_ONLY)
    return [Choice(str(row.pk), row.name) for row in rows]


def bulk_people(actor: Actor) -> list[Choice]:
    """People who work on tickets of the actor's clients."""
    rows = (
        User.objects.visible_to(actor)
        .filter(is_active=True)
        .exclude(groups__name="Requesters")
        .filter(Q(memberships__isnull=False) | Q(pk=actor.user_id))
        .distinct()
        .order_by("first_name", "last_name", "username")
    )
    return [Choice(str(row.pk), row.display_name) for row in rows]


def bulk_statuses() -> list[Choice]:
    """Statuses a list of tickets can be moved to; the table of transitions is checked ticket by ticket."""
    return [Choice(value, label) for value, label in Status.choices if value != Status.NEW]


def may_use_desk(actor: Actor) -> bool:
    """Whether the desk is this person's place of work."""
    return actor.is_staff and actor.role is not Role.SERVICE
