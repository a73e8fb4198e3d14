"""The words of mails to requesters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.models import Timestamped
from teams.models import Client
from ticketing.choices import RequesterMail
from ticketing.querysets import ClientOwnedQuerySet

PLACEHOLDERS: Final = (
    "reference", "category", "status", "next_steps", "client", "link", "rating_link", "reply", "requester",
)  # fmt: skip
"""What a template may name. The sender's own text is not among them: an answer to a forged address must not
carry a stranger's words (T13)."""

_PLACE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_CODE: Final = re.compile(r"\{%|%\}|\{#|#\}|\{\{(?!\s*\w+\s*\}\})")


class RequesterMailTemplate(Timestamped):
    """One client's words for one kind of mail. Invariant: placeholders are names from a list, never code."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="mail_templates")
    kind = models.CharField(max_length=16, choices=RequesterMail.choices)
    subject = models.CharField(max_length=200, help_text=_("May hold {{ reference }} and the like."))
    body = models.TextField(
        help_text=format_lazy(
            _("Markdown. Placeholders: {names}."),
            names=", ".join("{{ " + name + " }}" for name in PLACEHOLDERS),
        )
    )
    is_active = models.BooleanField(default=True)

    objects = ClientOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["client", "kind"]
        constraints = [models.UniqueConstraint(fields=["client", "kind"], name="mail_template_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.client})"

    def clean(self) -> None:
        """Unknown names and anything that looks like code are refused."""
        problems = {name: why for name in ("subject", "body") if (why := self._problem(getattr(self, name)))}
        if problems:
            raise ValidationError(problems)

    @staticmethod
    def _problem(text: str) -> str:
        if _CODE.search(text):
            return "Only placeholders such as {{ reference }} are possible, no tags or filters."
        unknown = sorted(set(_PLACE.findall(text)) - set(PLACEHOLDERS))
        return f"There is no placeholder “{unknown[0]}”." if unknown else ""

    @staticmethod
    def fill(text: str, values: Mapping[str, str]) -> str:
        """The text with its placeholders replaced once: what a value holds is not read as a placeholder."""
        return _PLACE.sub(lambda found: values.get(found.group(1), ""), text)
