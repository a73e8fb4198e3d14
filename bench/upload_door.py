"""The upload door of this checkout with a fresh database in a temporary folder; sets Django up on import."""
# ruff: noqa: E402  The variables and Django have to be there before anything of it is imported.

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

os.environ.update(
    {
        "VAR_DIR": tempfile.mkdtemp(prefix="bench-upload-"),
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "API_THROTTLE_PER_MINUTE": "1000000",
        "ALLOWED_HOSTS": "testserver",
    }
)
os.environ.pop("DATABASE_URL", None)

import django

django.setup()

from django.core.management import call_command
from django.test import Client as Browser

from common.actors import system_actor
from ingest.parsers import sandbox
from ingest.services.reading import attachment_parse
from teams.models import Client
from teams.services.keys import api_key_issue
from ticketing.models import Attachment

Note = Callable[[Any], None]
"""Told the outcome of each child process: CPU and wall seconds, peak bytes."""


class Door:
    """Calls without a server, in the name of a client made for it."""

    def __init__(self, note: Note) -> None:
        call_command("migrate", verbosity=0)
        client = Client.objects.create(slug="bench", name="Bench")
        self._key = api_key_issue(client=client, name="Bench", scopes=["files"], actor=system_actor())
        sandbox.run_child = _noting(sandbox.run_child, note)

    def fetch(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON body of one call."""
        browser = Browser(raise_request_exception=False)
        answer = browser.generic(
            method,
            path,
            body or b"",
            content_type=headers.get("Content-Type", "application/octet-stream"),
            headers={"Authorization": f"Bearer {self._key.secret}"},
        )
        return answer.status_code, json.loads(answer.content or b"{}")

    def read(self, file_id: str) -> None:
        """Have an uploaded file read now, as the worker would."""
        attachment_parse(attachment_id=Attachment.objects.get(uuid=file_id).pk)


def _noting(run_child: Callable[..., Any], note: Note) -> Callable[..., Any]:
    def noted(*args: Any) -> Any:
        outcome = run_child(*args)
        note(outcome)
        return outcome

    return noted
