"""From the cells of a sheet to rows that ticketing takes, with what is wrong with the others (T12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ingest.models import ImportJob
from ingest.spreadsheets.tickets import BY_KEY, plain_word, read_address, read_cells, read_time, read_word
from teams.models import Team
from ticketing.choices import Status
from ticketing.models import Category
from ticketing.services.imports import ImportRow

PROBLEMS_KEPT = 10_000
"""Rows at fault that are named; further ones are only counted."""
_UNKNOWN_KEPT = 30
_COUNTED: Final = ("status", "category", "team", "severity", "priority")
_CLOSED_BY_TIME = Status.RESOLVED.value


@dataclass(frozen=True, slots=True)
class Problem:
    """One cell at fault."""

    row: int
    field: str
    value: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """As the job keeps it."""
        label = BY_KEY[self.field].label if self.field in BY_KEY else ""
        return {"row": self.row, "column": label, "value": self.value[:200], "problem": self.text}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a client: categories and teams by slug and by name."""

    categories: Mapping[str, Category]
    teams: Mapping[str, Team]
    now: datetime
    day_first: bool


@dataclass(slots=True)
class Tally:
    """What was found so far: counts by field and value, words nobody knows, rows at fault."""

    values: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _COUNTED})
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)

    def add_problem(self, problem: Problem) -> None:
        """Name it while there is room."""
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem.as_json())

    def as_json(self) -> dict[str, Any]:
        """As the job keeps it."""
        return {
            "values": [
                {"field": BY_KEY[name].label, "values": counts.most_common(12)}
                for name, counts in self.values.items()
                if counts
            ],
            "unknown": [
                {
                    "field": BY_KEY[name].label,
                    "values": counts.most_common(_UNKNOWN_KEPT),
                    "stops_row": name == "status",
                }
                for name, counts in self.unknown.items()
            ],
        }


def vocabulary_of(*, job: ImportJob, now: datetime) -> Vocabulary:
    """What the client's sheets may name."""
    taxonomy = job.client.ticketing_settings.taxonomy
    categories: dict[str, Category] = {}
    for category in taxonomy.categories.filter(is_active=True):
        categories |= {plain_word(category.slug): category, plain_word(category.name): category}
    teams: dict[str, Team] = {}
    for team in Team.objects.for_client(job.client_id).filter(is_active=True).order_by("pk"):
        teams |= {plain_word(team.slug): team, plain_word(team.name): team}
    return Vocabulary(categories, teams, now, job.day_first)


def row_read(
    *, number: int, cells: Sequence[str], mapping: Mapping[str, int], words: Vocabulary, tally: Tally
) -> ImportRow | None:
    """One row as a ticket, or None after its problem was noted.

    A status nobody knows stops the row, because it decides whether anybody still owes an answer; so does a
    time that cannot be read. Other words that are not known are left out and kept in the ticket's metadata.
    """
    found = read_cells(cells, mapping)
    for name in _unknown_in(found, words):
        tally.unknown.setdefault(name, Counter())[found[name][:80]] += 1
    try:
        row = _row(number, found, words)
    except _Refused as refused:
        tally.add_problem(refused.problem)
        return None
    problem = row.problem()
    if problem:
        at = "requester_email" if "address" in problem else "body"
        tally.add_problem(Problem(number, at, found.get(at, ""), problem))
        return None
    for name in _COUNTED:
        value = getattr(row, name)
        tally.values[name][str(getattr(value, "name", value) or "–")] += 1
    return row


def _unknown_in(found: Mapping[str, str], words: Vocabulary) -> list[str]:
    """The fields of a row whose word nobody knows, also where something else stops the row."""
    named = {"category": words.categories, "team": words.teams}

    def known(name: str) -> bool:
        text = found[name]
        return plain_word(text) in named[name] if name in named else read_word(name, text) is not None

    return [name for name in _COUNTED if name in found and not known(name)]


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def _row(number: int, found: Mapping[str, str], words: Vocabulary) -> ImportRow:
    kept: dict[str, str] = {}

    def known(name: str, value: Any) -> Any:
        if name in found and value is None:
            kept[name] = found[name][:200]
        return value

    created, resolved = _time(number, found, "created_at", words), _time(number, found, "resolved_at", words)
    language = found.get("language", "")[:2].lower()
    return ImportRow(
        row=number,
        subject=found.get("subject", ""),
        body=found.get("body", ""),
        status=_status(number, found, resolved),
        external_id=found.get("external_id", "")[:200],
        requester_email=_address(number, found),
        requester_name=found.get("requester_name", ""),
        requester_id=found.get("requester_id", ""),
        category=known("category", words.categories.get(plain_word(found.get("category", "")))),
        team=known("team", words.teams.get(plain_word(found.get("team", "")))),
        severity=known("severity", read_word("severity", found.get("severity", ""))) or "",
        priority=known("priority", read_word("priority", found.get("priority", ""))) or "",
        language=language if language.isalpha() and len(language) == 2 else "",
        tags=tuple(dict.fromkeys(tag.strip() for tag in found.get("tags", "").split(",") if tag.strip()))[
            :20
        ],
        created_at=created,
        resolved_at=resolved,
        answer=found.get("answer", ""),
        kept=kept,
    )


def _status(number: int, found: Mapping[str, str], resolved: datetime | None) -> str:
    """The status; without a column a ticket with a time of resolution or an answer is resolved."""
    given = found.get("status")
    if given is None:
        ended = resolved is not None or "answer" in found
        return _CLOSED_BY_TIME if ended else Status.OPEN.value
    status = read_word("status", given)
    if status is None:
        raise _Refused(Problem(number, "status", given, "This status is not known."))
    return status


def _time(number: int, found: Mapping[str, str], name: str, words: Vocabulary) -> datetime | None:
    text = found.get(name)
    if text is None:
        return None
    at = read_time(text, day_first=words.day_first)
    if at is None:
        raise _Refused(Problem(number, name, text, "This is no date that can be read."))
    if at > words.now:
        raise _Refused(Problem(number, name, text, "This lies in the future."))
    return at


def _address(number: int, found: Mapping[str, str]) -> str:
    text = found.get("requester_email", "")
    address = read_address(text)
    if text and not address:
        raise _Refused(Problem(number, "requester_email", text, "The e-mail address is not valid."))
    return address
