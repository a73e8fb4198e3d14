"""A ticket made of one file: its text is the request (I1, C28)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.actors import Actor
from common.exceptions import Unavailable, Unprocessable
from ingest.parsers.csv_file import JOINER
from ingest.parsers.result import ParsedFile, ParseError, ParserBusy
from ingest.parsers.sandbox import parse_file
from ingest.services.reading import read_result
from ingest.services.uploads import FileRefused, Upload
from teams.models import Client
from ticketing.choices import Channel, TriageIntent
from ticketing.models import Requester, Taxonomy, Ticket
from ticketing.services.attachments import ReadResult, attachment_store, size_check
from ticketing.services.tickets import BODY_LIMIT, NewTicket, ticket_open

_SUBJECT_LINE = re.compile(
    r"^[ \t]{0,8}(?:subject|betreff|short_description|summary|title)[ \t]?[:|][ \t]*(\S.{0,299})$",
    re.IGNORECASE | re.MULTILINE,
)
_SUBJECT_COLUMNS = ("subject", "short_description", "short description", "summary", "title")
_SUBJECT_WINDOW = 8_000


class FileWithoutText(Unprocessable):
    """The file was read and holds no text, so it says nothing that could be triaged."""

    code = "no_text"
    default_message = gettext_lazy("The file contains no readable text.")


def file_ticket_open(
    *,
    client: Client,
    requester: Requester,
    upload: Upload,
    priority: str,
    actor: Actor,
    intent: str = TriageIntent.BACKGROUND,
    taxonomy: Taxonomy | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Ticket:
    """Read a file within the parser's limits, keep it, and open a ticket from its text.

    The reading comes first and outside any transaction: a file that is refused leaves nothing behind.
    Raises FileRefused, FileTooLarge, FileEmpty, FileWithoutText, Unavailable. Emits ``attachment_added``,
    ``ticket_opened``.
    """
    parsed, result = _read(upload)
    attachment = attachment_store(
        client=client,
        name=upload.name,
        content=upload.content,
        content_type=upload.content_type,
        actor=actor,
        result=result,
    )
    new = NewTicket(
        client=client,
        requester=requester,
        subject=subject_of(parsed),
        body=result.text[:BODY_LIMIT],
        channel=Channel.FILE,
        taxonomy=taxonomy,
        priority=priority,
        metadata=dict(metadata or {}),
        attachments=(attachment,),
        intent=intent,
    )
    return ticket_open(new=new, actor=actor)


def _read(upload: Upload) -> tuple[ParsedFile, ReadResult]:
    size_check(size=len(upload.content))
    try:
        parsed = parse_file(upload.content, upload.name)
    except ParseError as error:
        raise FileRefused(error) from error
    except ParserBusy as error:
        raise Unavailable(_("Files cannot be read at the moment."), retry_after_seconds=30) from error
    result = read_result(parsed)
    if not result.text:
        raise FileWithoutText
    return parsed, result


def subject_of(parsed: ParsedFile) -> str:
    """The subject a file names, else its title; empty lets the first line decide."""
    cell = _subject_cell(parsed)
    if cell:
        return cell
    match = _SUBJECT_LINE.search(parsed.text[:_SUBJECT_WINDOW])
    if match:
        return match.group(1).strip()
    return parsed.title or ""


def _subject_cell(parsed: ParsedFile) -> str:
    """The subject column of the first row of a table."""
    header = [str(name).strip().lower() for name in parsed.metadata.get("header") or []]
    column = next((header.index(name) for name in _SUBJECT_COLUMNS if name in header), None)
    lines = parsed.text.split("\n", 2)
    if column is None or len(lines) < 2:
        return ""
    cells = lines[1].split(JOINER)
    return cells[column].strip() if column < len(cells) else ""
