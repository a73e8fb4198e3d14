"""A request from the portal: text, files or both become one ticket (I1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import ValidationFailed
from ingest.parsers.result import ParsedFile, ParseError
from ingest.parsers.sandbox import parse_file
from ingest.services.file_tickets import subject_of
from ingest.services.reading import read_result
from ingest.services.uploads import Upload
from teams.models import Client
from ticketing.choices import Channel, TriageIntent
from ticketing.models import Attachment, Requester, Ticket
from ticketing.services.attachments import attachment_store
from ticketing.services.tickets import BODY_LIMIT, NewTicket, ticket_open


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRequest:
    """What a requester sends."""

    text: str = ""
    subject: str = ""
    uploads: tuple[Upload, ...] = ()


def portal_request_open(
    *, client: Client, requester: Requester, request: PortalRequest, actor: Actor
) -> Ticket:
    """Read the files, keep them and open a ticket whose triage is leased to the waiting page.

    Reading comes first and outside any transaction: where a file is refused nothing is kept. Without a text
    the first file with words is the request. Raises ValidationFailed naming every file at fault, or
    saying that nothing can be read. Emits ``attachment_added``, ``ticket_opened``.
    """
    parsed = files_read(request.uploads)
    text = request.text.strip()
    first = next((file for file in parsed if file.text.strip()), None)
    if not text and first is None:
        problem = _("The files hold no readable text. Write what happened, or send another file.")
        raise ValidationFailed(fields={"files" if request.uploads else "body": [problem]})
    attachments = tuple(
        parsed_store(client, upload, result, actor)
        for upload, result in zip(request.uploads, parsed, strict=True)
    )
    subject = request.subject or (subject_of(first) if first and not text else "")
    new = NewTicket(
        client=client,
        requester=requester,
        subject=subject,
        body=text or (first.text.strip()[:BODY_LIMIT] if first else ""),
        channel=Channel.WEB,
        attachments=attachments,
        intent=TriageIntent.INLINE,
    )
    return ticket_open(new=new, actor=actor)


def files_read(uploads: Sequence[Upload]) -> list[ParsedFile]:
    """What the files say, in their order. Raises ValidationFailed naming every file at fault."""
    parsed: list[ParsedFile] = []
    problems: list[str] = []
    for upload in uploads:
        try:
            parsed.append(parse_file(upload.content, upload.name))
        except ParseError as error:
            problems.append(f"“{upload.name}”: {error.message}")
    if problems:
        raise ValidationFailed(fields={"files": problems})
    return parsed


def parsed_store(client: Client, upload: Upload, parsed: ParsedFile, actor: Actor) -> Attachment:
    """Keep a file that has been read, with what was read. Emits ``attachment_added``."""
    return attachment_store(
        client=client,
        name=upload.name,
        content=upload.content,
        content_type=upload.content_type,
        actor=actor,
        result=read_result(parsed),
    )
