"""Columns and cells of a sheet of tickets: heads by synonyms, words by synonyms, times in common forms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr

_NOISE = re.compile(r"[^a-z0-9]+")
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a ticket's row can say; ``synonyms`` are heads that mean it, surest first."""

    key: str
    label: str
    synonyms: tuple[str, ...]
    hint: str = ""


FIELDS: tuple[Field, ...] = (
    Field("subject", "Subject", (
        "subject", "ticket subject", "title", "short description", "headline", "betreff", "summary",
    ), "Without one, the first line of the text."),
    Field("body", "Text", (
        "body", "text", "ticket description", "description", "details", "message", "content", "document",
        "issue description", "complaint", "request", "beschreibung",
    ), "What the requester wrote."),
    Field("external_id", "Number in the old system", (
        "external id", "ticket id", "ticket number", "incident number", "incident id", "case id",
        "case number", "issue key", "reference", "number", "key", "id", "ticket",
    ), "Rows with a number that is here already are left out."),
    Field("requester_email", "Requester’s e-mail address", (
        "requester email", "customer email", "email", "e mail", "contact email", "caller email",
        "reporter email", "sender", "from", "email address",
    )),
    Field("requester_name", "Requester’s name", (
        "requester", "requester name", "customer name", "customer", "caller", "reporter", "contact", "name",
        "opened by",
    )),
    Field("requester_id", "Requester’s number", (
        "requester id", "customer id", "user id", "caller id", "employee id", "account id",
    )),
    Field("status", "Status", ("status", "ticket status", "state", "incident state")),
    Field("category", "Category", (
        "category", "topic group", "topic", "ticket type", "issue type", "type", "kategorie", "queue",
    ), "By slug or name, of the client’s taxonomy."),
    Field("severity", "Severity", ("severity", "impact", "urgency")),
    Field("priority", "Priority", ("priority", "ticket priority", "prio")),
    Field("team", "Team", ("team", "assignment group", "assigned group", "group", "department")),
    Field("language", "Language", ("language", "lang", "locale")),
    Field("tags", "Tags", ("tags", "labels", "keywords"), "Separated by commas."),
    Field("created_at", "Created", (
        "created", "created at", "created utc", "opened", "opened at", "creation date", "date created",
        "submitted", "submitted at", "reported at", "sys created at", "date",
    )),
    Field("resolved_at", "Resolved", (
        "resolved", "resolved at", "resolved utc", "resolution date", "closed at", "closed", "closed utc",
    )),
    Field("answer", "Answer", (
        "answer", "resolution", "solution", "resolution notes", "close notes", "reply", "response",
    ), "What was answered; becomes a public message."),
)  # fmt: skip
BY_KEY: dict[str, Field] = {field.key: field for field in FIELDS}

_STATUSES = {
    "new": ("new", "created", "unassigned"),
    "open": ("open", "in progress", "active", "assigned", "work in progress", "reopened", "offen"),
    "pending": ("pending", "pending customer response", "waiting", "awaiting user info",
                "waiting on requester", "waiting for customer", "awaiting reply"),
    "on_hold": ("on hold", "hold", "waiting on third party", "awaiting vendor", "awaiting problem",
                "blocked"),
    "resolved": ("resolved", "solved", "fixed", "done", "completed", "erledigt"),
    "closed": ("closed", "cancelled", "canceled", "archived", "geschlossen"),
}  # fmt: skip
_SEVERITIES = {
    "critical": ("critical", "1", "1 critical", "1 high", "p1", "sev1", "blocker", "very high"),
    "high": ("high", "2", "2 high", "p2", "sev2", "major"),
    "medium": ("medium", "3", "3 medium", "2 medium", "3 moderate", "moderate", "normal", "p3", "sev3"),
    "low": ("low", "4", "4 low", "3 low", "p4", "sev4", "minor", "trivial", "5 planning", "5"),
}
_PRIORITIES = {
    "urgent": ("urgent", "critical", "1", "1 critical", "p1", "highest", "immediate"),
    "high": ("high", "2", "2 high", "p2"),
    "normal": ("normal", "medium", "moderate", "3", "3 moderate", "3 medium", "p3"),
    "low": ("low", "lowest", "4", "4 low", "5", "5 planning", "p4", "p5"),
}
WORDS: dict[str, dict[str, str]] = {
    name: {word: value for value, words in table.items() for word in words}
    for name, table in (("status", _STATUSES), ("severity", _SEVERITIES), ("priority", _PRIORITIES))
}
_FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
)  # fmt: skip
_SLASHED = {
    False: ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m/%d/%Y %I:%M %p"),
    True: ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d/%m/%Y %I:%M %p"),
}
_QUOTED = re.compile(r"'(?=[=+\-@\t\r\n＝＋－＠])")


def plain_word(text: str) -> str:
    """A head or a word without case, signs and spaces at its ends."""
    return _NOISE.sub(" ", text.lower()).strip()


def guess_mapping(header: Sequence[str]) -> dict[str, int]:
    """Field → place of its column. The surest synonym wins; a column serves one field only."""
    heads = [plain_word(head) for head in header]
    wanted = sorted(
        (rank, order, field.key, synonym)
        for order, field in enumerate(FIELDS)
        for rank, synonym in enumerate(field.synonyms)
    )
    mapping: dict[str, int] = {}
    for _, _, key, synonym in wanted:
        if key in mapping or synonym not in heads:
            continue
        place = heads.index(synonym)
        if place not in mapping.values():
            mapping[key] = place
    return mapping


def column_samples(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    """The first different values of a column, shortened, to recognise it by."""
    seen = dict.fromkeys(row[place].strip()[:60] for row in rows if place < len(row) and row[place].strip())
    return list(seen)[:_SAMPLES]


def read_cells(cells: Sequence[str], mapping: Mapping[str, int]) -> dict[str, str]:
    """The mapped cells of a row by field; the quote of a safe export is taken off again."""
    found = {}
    for key, place in mapping.items():
        text = cells[place].replace("\x00", "").strip() if place < len(cells) else ""
        if text:
            found[key] = _QUOTED.sub("", text, count=1) if _QUOTED.match(text) else text
    return found


def read_word(field: str, text: str) -> str | None:
    """The stored word for a status, severity or priority; None for one nobody knows."""
    return WORDS[field].get(plain_word(text))


def read_time(text: str, *, day_first: bool) -> datetime | None:
    """A time in UTC: ISO 8601, 31.12.2026 10:00, or with slashes in the order asked for; None for others.

    A time without a zone is taken as UTC.
    """
    found: datetime | None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _by_form(text, day_first)
        if found is None:
            return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _by_form(text: str, day_first: bool) -> datetime | None:
    for form in (*_FORMS, *_SLASHED[day_first]):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def read_address(text: str) -> str:
    """The address in “Jane <jane@example.org>” or alone; empty where there is none."""
    address = parseaddr(text[:320])[1].lower()
    return address if "@" in address else ""
