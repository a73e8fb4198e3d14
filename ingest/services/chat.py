"""A question with files at the door of the chat: the files are read before the answer is looked for (C22)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext as _

from classifier.models import ChatConvo, ChatMessage
from classifier.services.chat import MOST_FILES, Question, chat_ask
from common.actors import Actor
from common.exceptions import ValidationFailed
from ingest.services.portal import files_read, parsed_store
from ingest.services.reading import attachment_parse
from ingest.services.uploads import Upload
from teams.models import Client
from ticketing.choices import AttachmentStatus
from ticketing.models import Attachment, Ticket

_WAIT_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.2


def chat_send(
    *,
    client: Client,
    actor: Actor,
    text: str,
    uploads: Sequence[Upload] = (),
    files: Sequence[Attachment] = (),
    convo: ChatConvo | None = None,
    about: Ticket | None = None,
) -> ChatMessage:
    """Read new files, wait for those that are stored already, and keep the question.

    A new file that cannot be read is refused and nothing is kept. Raises ValidationFailed, TooMany.
    """
    if len(uploads) + len(files) > MOST_FILES:
        raise ValidationFailed(
            fields={"files": [_("At most %(limit)s files at once.") % {"limit": MOST_FILES}]}
        )
    parsed = files_read(uploads)
    stored = [
        parsed_store(client, upload, result, actor) for upload, result in zip(uploads, parsed, strict=True)
    ]
    for row in files:
        _wait(row)
    question = Question(text=text, files=(*stored, *files), about=about)
    return chat_ask(client=client, question=question, actor=actor, convo=convo)


def _wait(row: Attachment) -> None:
    """Read a file that nobody has read yet, or wait for whoever is reading it."""
    until = time.monotonic() + _WAIT_SECONDS
    while Attachment.objects.filter(pk=row.pk, status=AttachmentStatus.PENDING).exists():
        if attachment_parse(attachment_id=row.pk) or time.monotonic() > until:
            return
        time.sleep(_PAUSE_SECONDS)
