"""Everything a ticket's page on the desk shows, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext, gettext_lazy

from common.actors import Actor
from common.registries import ticket_panels
from common.wording import as_label, within_sentence
from teams.choices import TeamKind
from teams.models import Team, User
from ticketing.choices import (
    ALLOWED_TRANSITIONS,
    AttachmentStatus,
    DecisionState,
    LinkKind,
    LinkState,
    Priority,
    RootCause,
    Sentiment,
    Severity,
    Status,
    TriageField,
)
from ticketing.models import (
    Attachment,
    FieldDecision,
    Macro,
    Message,
    Ticket,
    TicketEvent,
    TicketLink,
    TicketMerge,
)
from ticketing.selectors.desk import Choice, columns_attach
from ticketing.selectors.escalation import escalation_next
from ticketing.selectors.search import tickets_search

ASKED: Final = (TriageField.CATEGORY, TriageField.SEVERITY, TriageField.PRIORITY, TriageField.TEAM)
"""Fields a person is asked to confirm; the others are shown and can be left."""

_OPEN_STATES: Final = frozenset({DecisionState.SUGGESTED, DecisionState.HELD})
_SHOWN: Final = (*ASKED, TriageField.SENTIMENT, TriageField.ROOT_CAUSE, TriageField.LANGUAGE)
_CLOSED_SETS: Final[dict[str, list[tuple[str, Any]]]] = {
    TriageField.SEVERITY: [*Severity.choices],
    TriageField.PRIORITY: [*Priority.choices],
    TriageField.SENTIMENT: [*Sentiment.choices],
    TriageField.ROOT_CAUSE: [*RootCause.choices],
}
_LANGUAGES: Final = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "nl": "Dutch",
    "pt": "Portuguese", "pl": "Polish", "sv": "Swedish", "da": "Danish", "ja": "Japanese", "zh": "Chinese",
}  # fmt: skip
_FILE_STATES: Final = {
    AttachmentStatus.PARSED.value: "ready",
    AttachmentStatus.PENDING.value: "reading",
    AttachmentStatus.REJECTED.value: "refused",
    AttachmentStatus.FAILED.value: "ready",
}
_EVENT_LIMIT: Final = 60
_CANDIDATES: Final = 12


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file as a page shows it; a refused one has no address."""

    name: str
    size: int
    url: str
    status: str
    reason: str = ""


def file_line(attachment: Attachment, address: str) -> FileLine:
    """The line of a file whose download is at ``address``."""
    status = _FILE_STATES[attachment.status]
    return FileLine(attachment.name, attachment.size, address, status, attachment.error)


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message as a page shows it; ``html`` was sanitized when it was written."""

    author_name: str
    author_kind: str
    is_public: bool
    html: str
    created_at: datetime
    attachments: list[FileLine] = field(default_factory=list)
    uuid: UUID | None = None
    can_split: bool = False


def conversation_of(actor: Actor, ticket: Ticket, address_of: Any) -> list[MessageLine]:
    """The messages the actor may read, oldest first; ``address_of`` gives a file's download address."""
    rows: Iterable[Message] = Message.objects.visible_to(actor).filter(ticket=ticket).for_list()
    return [
        MessageLine(
            author_name=message.author_name,
            author_kind=message.author_kind,
            is_public=message.is_public,
            html=message.html,
            created_at=message.created_at,
            attachments=[file_line(row, address_of(row)) for row in message.attachments.all()],
            uuid=message.uuid,
            can_split=ticket.is_open and message.is_public and not message.is_first,
        )
        for message in rows
    ]


@dataclass(frozen=True, slots=True)
class AlternativeLine:
    """Another value an engine considered."""

    value: str
    label: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A predicted or decided field as every page shows it."""

    field: str
    label: str
    value: str
    value_label: str
    state: str
    confidence: float | None
    source: str
    reasoning: str
    alternatives: list[AlternativeLine]
    evidence: list[Mapping[str, Any]]
    choices: list[Choice]

    @property
    def is_open(self) -> bool:
        """Whether a person should say what is right."""
        return self.field in ASKED and self.state in _OPEN_STATES


Options = dict[str, list[tuple[str, str]]]


def decisions_of(ticket: Ticket, options: Options | None = None) -> list[DecisionLine]:
    """All decided fields in their order, with labels and the values they may take (``field_options``).

    Reads ``ticket.decisions`` as prefetched by ``for_page``.
    """
    rows = {row.field: row for row in ticket.decisions.all()}
    options = options or field_options(ticket)
    return [_decision_line(rows[name], options.get(name, [])) for name in _SHOWN if name in rows]


def field_options(ticket: Ticket) -> Options:
    """The values each field may take, with their labels."""
    categories = ticket.taxonomy.categories.filter(is_active=True)
    teams = teams_for(ticket)
    return {
        **_CLOSED_SETS,
        TriageField.CATEGORY: list(categories.values_list("slug", "name")),
        TriageField.TEAM: list(teams.values_list("slug", "name")),
        TriageField.LANGUAGE: list(_LANGUAGES.items()),
    }


def teams_for(ticket: Ticket) -> QuerySet[Team]:
    """Teams that work on this taxonomy: of its categories and rules, the client's own, the current one."""
    taxonomy = ticket.taxonomy_id
    rows: QuerySet[Team] = Team.objects.for_client(ticket.client_id).exclude(kind=TeamKind.PATH_ONLY)
    serving = (
        Q(default_categories__taxonomy=taxonomy)
        | Q(routing_rules__taxonomy=taxonomy)
        | Q(client=ticket.client_id)
        | Q(pk=ticket.team_id)
    )
    return rows.filter(serving).distinct()


def _named(value: str, labels: Mapping[str, str]) -> str:
    """The name of a value; where it is gone, its slug in words."""
    return labels.get(value) or value.replace("_", " ").capitalize()


def _decision_line(row: FieldDecision, options: list[tuple[str, str]]) -> DecisionLine:
    labels = dict(options)
    return DecisionLine(
        field=row.field,
        label=row.get_field_display(),
        value=row.value,
        value_label=_named(row.value, labels),
        state=row.state,
        confidence=row.confidence,
        source=row.source,
        reasoning=row.reasoning,
        alternatives=[
            AlternativeLine(item["value"], _named(item["value"], labels), item.get("confidence"))
            for item in row.alternatives[:4]
            if item.get("value") != row.value
        ],
        evidence=[item for item in row.evidence if item.get("weight", 1) > 0][:8],
        choices=[Choice(value, label, value == row.value) for value, label in options],
    )


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A ticket that belongs to this one."""

    kind: str
    reference: str
    url: str
    subject: str
    reason: str
    pk: int = 0
    is_proposed: bool = False
    is_open: bool = False


_LINK_WORDS: Final = {LinkKind.DUPLICATE.value: "duplicate", LinkKind.RELATED.value: "related"}


def links_of(actor: Actor, ticket: Ticket) -> list[LinkLine]:
    """Links whose other end the actor may see; dismissed ones are left out."""
    rows = (
        TicketLink.objects.visible_to(actor)
        .filter(Q(source=ticket) | Q(target=ticket))
        .exclude(state=LinkState.DISMISSED)
        .select_related("source", "target")
    )
    return [_link_line(row, ticket) for row in rows]


def _link_line(row: TicketLink, ticket: Ticket) -> LinkLine:
    outward = row.source_id == ticket.pk
    other = row.target if outward else row.source
    word = _LINK_WORDS.get(row.kind) or ("parent" if not outward else "child")
    score = gettext(", %(score)s alike") % {"score": f"{row.score:.0%}"} if row.score is not None else ""
    reason = f"{row.get_state_display()}{score}"
    return LinkLine(
        word,
        other.reference,
        other.get_absolute_url(),
        other.subject,
        reason,
        row.pk,
        row.state == LinkState.PROPOSED,
        other.is_open,
    )


def children_open(actor: Actor, ticket: Ticket) -> list[Ticket]:
    """The visible tickets of an incident that still owe work."""
    rows = TicketLink.objects.filter(source=ticket, kind=LinkKind.PARENT, state=LinkState.CONFIRMED)
    return list(Ticket.objects.visible_to(actor).open().filter(pk__in=rows.values("target")).order_by("pk"))


@dataclass(frozen=True, slots=True)
class MergedLine:
    """A ticket that was merged into this one."""

    uuid: UUID
    reference: str
    subject: str
    by: str
    at: datetime


def merged_of(actor: Actor, ticket: Ticket) -> list[MergedLine]:
    """The merges into a ticket that are in force, newest first."""
    sources = Ticket.objects.visible_to(actor).filter(merged_into=ticket)
    rows = TicketMerge.objects.filter(source__in=sources, undone_at=None)
    return [
        MergedLine(
            row.source.uuid,
            row.source.reference,
            row.source.subject,
            row.merged_by.display_name if row.merged_by else "Automation",
            row.created_at,
        )
        for row in rows.select_related("source", "merged_by")
    ]


def merge_candidates(actor: Actor, ticket: Ticket, query: str) -> list[Ticket]:
    """Tickets of the same client to merge into: what is searched for, else linked and the requester's."""
    rows = Ticket.objects.visible_to(actor).filter(client=ticket.client_id, merged_into=None)
    rows = rows.exclude(pk=ticket.pk).exclude(status=Status.CLOSED).for_list()
    if query:
        return list(tickets_search(rows, query, actor=actor)[:_CANDIDATES])
    links = TicketLink.objects.filter(Q(source=ticket) | Q(target=ticket)).exclude(state=LinkState.DISMISSED)
    linked = Q(pk__in=links.values("source")) | Q(pk__in=links.values("target"))
    same = Q(requester=ticket.requester_id)
    return list(rows.filter(linked | same)[:_CANDIDATES])


@dataclass(frozen=True, slots=True)
class EventLine:
    """One entry of the history in words."""

    text: str
    actor: str
    at: datetime
    icon: str
    reason: str


_EVENT_ICONS: Final = {
    "ticket.opened": "plus",
    "ticket.triaged": "spark",
    "ticket.changed": "pencil",
    "ticket.assigned": "users",
    "status.changed": "status-open",
    "ticket.merged": "layers",
    "ticket.absorbed": "layers",
    "ticket.unmerged": "undo",
    "ticket.released": "undo",
    "message.split": "copy",
    "link.made": "link",
    "link.proposed": "link",
    "link.decided": "link",
    "message.replied": "reply",
    "message.noted": "lock",
}
_EVENT_TEXTS: Final = {
    "ticket.opened": gettext_lazy("opened the ticket."),
    "message.replied": "replied.",
    "message.noted": gettext_lazy("added a note."),
}


_LINK_TEXTS: Final = {
    "ticket.merged": gettext_lazy("merged this ticket into {}."),
    "ticket.absorbed": gettext_lazy("merged {} into this ticket."),
    "ticket.unmerged": gettext_lazy("took the merge into {} back."),
    "ticket.released": gettext_lazy("took the merge of {} back."),
    "message.split": gettext_lazy("split a message off into {}."),
    "link.made": gettext_lazy("linked {}."),
    "link.proposed": gettext_lazy("found a ticket alike."),
    "link.decided": gettext_lazy("marked a link as {}."),
}


def _link_value(row: TicketEvent) -> str:
    value = row.new_value or row.old_value or ""
    return str(value.get("reference", "") if isinstance(value, dict) else value)


def history_of(ticket: Ticket, options: Options) -> list[EventLine]:
    """The newest changes in words, newest first; values by their names in ``field_options``."""
    rows = list(TicketEvent.objects.filter(ticket=ticket).order_by("-sequence")[:_EVENT_LIMIT])
    names = {row.new_value for row in rows if row.field == "assignee" and isinstance(row.new_value, str)}
    people = {row.username: row.display_name for row in User.objects.filter(username__in=names)}
    labels = {name: dict(pairs) for name, pairs in options.items()} | {"assignee": people}
    return [
        EventLine(
            text=_event_text(row, labels),
            actor=row.actor_label or as_label(row.actor_kind),
            at=row.created_at,
            icon=_EVENT_ICONS.get(row.verb, "dot"),
            reason=row.reason,
        )
        for row in rows
    ]


def _event_text(row: TicketEvent, labels: Mapping[str, Mapping[str, str]]) -> str:
    if row.verb in _EVENT_TEXTS:
        return str(_EVENT_TEXTS[row.verb])
    if row.verb in _LINK_TEXTS:
        return str(_LINK_TEXTS[row.verb]).format(_link_value(row))
    name = within_sentence(as_label(row.field or row.verb.split(".")[-1]))
    if row.new_value in (None, "", []):
        return gettext("cleared the %(field)s.") % {"field": name}
    return gettext("set the %(field)s to %(value)s.") % {"field": name, "value": _event_value(row, labels)}


def _event_value(row: TicketEvent, labels: Mapping[str, Mapping[str, str]]) -> str:
    value = row.new_value
    if row.field == "status":
        return within_sentence(str(dict(Status.choices).get(str(value), value)))
    if row.field in labels and isinstance(value, str):
        return _named(value, labels[row.field])
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)[:120]


def status_choices(ticket: Ticket) -> list[Choice]:
    """The status it has and those it may move to."""
    allowed = ALLOWED_TRANSITIONS[ticket.status]
    return [
        Choice(value, str(label), value == ticket.status)
        for value, label in Status.choices
        if value == ticket.status or value in allowed
    ]


def team_choices(ticket: Ticket) -> list[Choice]:
    """Teams that may hold the ticket."""
    return [Choice(str(row.pk), row.name, row.pk == ticket.team_id) for row in teams_for(ticket)]


def people_choices(actor: Actor, ticket: Ticket) -> list[Choice]:
    """People who may take the ticket: members of its team, else everybody who works for the client."""
    rows = User.objects.visible_to(actor).filter(is_active=True, clients=ticket.client_id)
    if ticket.team_id:
        rows = rows.filter(memberships__team=ticket.team_id)
    else:
        rows = rows.filter(memberships__isnull=False)
    people = list(rows.distinct().order_by("first_name", "last_name", "username"))
    if ticket.assignee is not None and ticket.assignee not in people:
        people.insert(0, ticket.assignee)
    return [Choice(str(row.pk), row.display_name, row.pk == ticket.assignee_id) for row in people]


@dataclass(frozen=True, slots=True)
class SimilarLine:
    """A ticket with like words that the actor may see."""

    reference: str
    url: str
    subject: str
    score: float
    status_category: str
    status_label: str

    @property
    def get_status_display(self) -> str:
        """The status in words, by the name templates use for tickets too."""
        return self.status_label


def link_kinds() -> list[Choice]:
    """How another ticket may belong to this one, said from this one's side."""
    return [
        Choice("related", gettext("Related to")),
        Choice("duplicate", gettext("Duplicate of")),
        Choice("parent", gettext("Parent of")),
        Choice("child", gettext("Part of")),
    ]


def similar_of(actor: Actor, found: Sequence[Mapping[str, Any]], linked: Iterable[str]) -> list[SimilarLine]:
    """Turn ``{"ticket": id, "score": 0–1}`` into lines; what the actor may not see or is linked stays out."""
    scores = {item["ticket"]: float(item["score"]) for item in found}
    if not scores:
        return []
    rows = Ticket.objects.visible_to(actor).filter(pk__in=scores).exclude(reference__in=list(linked))
    lines = [
        SimilarLine(
            row.reference,
            row.get_absolute_url(),
            row.subject,
            scores[row.pk],
            row.status_category,
            row.get_status_display(),
        )
        for row in rows
    ]
    return sorted(lines, key=lambda line: -line.score)


@dataclass(frozen=True, slots=True)
class ExtraPanel:
    """A piece of the page that another app draws itself."""

    title: str
    template: str
    data: Any


def panel_data(ticket: Ticket) -> dict[str, Any]:
    """What the other apps know of the ticket, by panel key."""
    return {key: panel.load([ticket.pk]).get(ticket.pk) for key, panel in ticket_panels.items()}


def extra_panels(data: Mapping[str, Any]) -> list[ExtraPanel]:
    """Panels with a template of their own, in their order."""
    drawn = [
        (panel.order, key, panel) for key, panel in ticket_panels.items() if panel.template and data.get(key)
    ]
    return [
        ExtraPanel(key.replace("_", " ").capitalize(), panel.template, data[key])
        for _, key, panel in sorted(drawn, key=lambda row: row[:2])
    ]


def _newest_promises(clocks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each promise as it stands; what came before a reopening is told where the deadline is explained."""
    newest: dict[str, Mapping[str, Any]] = {}
    for clock in clocks:
        known = newest.get(clock["kind"])
        if known is None or known["generation"] < clock["generation"]:
            newest[clock["kind"]] = clock
    return list(newest.values())


def ticket_page(actor: Actor, ticket: Ticket, address_of: Any) -> dict[str, Any]:
    """The context of the ticket page that depends on the ticket alone.

    The panels "triage" and "sla" are registered by their apps; without them their places stay empty.
    """
    columns_attach([ticket])
    data = panel_data(ticket)
    triage = data.get("triage") or {}
    options = field_options(ticket)
    decisions = decisions_of(ticket, options)
    links = links_of(actor, ticket)
    return {
        "ticket": ticket,
        "conversation": conversation_of(actor, ticket, address_of),
        "decisions": decisions,
        "open_decisions": [row for row in decisions if row.is_open],
        "ai": triage.get("ai") or {"state": "off", "text": "", "run_url": ""},
        "draft": _draft_for(actor, triage.get("draft")),
        "extracted": triage.get("extracted", []),
        "missing": triage.get("missing", []),
        "similar": similar_of(actor, triage.get("similar", []), [line.reference for line in links]),
        "links": links,
        "link_kinds": link_kinds(),
        "merged": merged_of(actor, ticket),
        "children": children_open(actor, ticket),
        "followers": list(
            ticket.followers.select_related("requester").prefetch_related("requester__addresses")
        ),
        "clocks": _newest_promises((data.get("sla") or {}).get("clocks", [])),
        "events": history_of(ticket, options),
        "statuses": status_choices(ticket),
        "teams": team_choices(ticket),
        "people": people_choices(actor, ticket),
        "escalates_to": escalation_next(ticket=ticket) if ticket.is_open else None,
        "panels": extra_panels(data),
        "macros": list(Macro.objects.visible_to(actor).filter(client=ticket.client_id, is_active=True)),
    }


def _draft_for(actor: Actor, draft: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The draft with only those sources the actor may see; ticket sources are named by reference."""
    if draft is None:
        return None
    references = [row["reference"] for row in draft["sources"] if row["kind"] == "ticket"]
    tickets = Ticket.objects.visible_to(actor).filter(reference__in=references) if references else []
    urls = {row.reference: row.get_absolute_url() for row in tickets}
    sources = [
        {**row, "url": urls.get(row["reference"], row["url"])}
        for row in draft["sources"]
        if row["kind"] != "ticket" or row["reference"] in urls
    ]
    return {**draft, "sources": sources}


def merged_target(actor: Actor, uuid: UUID) -> Ticket | None:
    """Where the conversation of a merged ticket went on, if the actor may see both."""
    rows = Ticket.objects.visible_to(actor)
    into = rows.filter(uuid=uuid).values_list("merged_into", flat=True).first()
    return rows.filter(pk=into).first() if into else None


def ticket_for_page(actor: Actor, uuid: UUID) -> Ticket | None:
    """The ticket with everything its page reads, or None where the actor may not see it."""
    return Ticket.objects.visible_to(actor).for_page().filter(uuid=uuid).first()
