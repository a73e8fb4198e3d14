"""What people keep to work faster: saved views and macros (T9)."""

from __future__ import annotations

import re
import uuid
from typing import Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from teams.models import Client, Team, User
from ticketing.choices import MACRO_VARIABLES, Priority, Severity, Status, ToolScope
from ticketing.querysets import ToolQuerySet

VARIABLE: Final = re.compile(r"\{\{\s*([a-z_.]+)\s*\}\}")
"""A place in a macro's text that is filled; anything else in braces is text."""


class Tool(Timestamped):
    """Something a person keeps and may share. Invariant: it has a team exactly where a team shares it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=8, choices=ToolScope.choices, default=ToolScope.PRIVATE)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text=gettext_lazy("Whose members use it; only where the scope is the team."),
    )  # fmt: skip
    name = models.CharField(max_length=80)

    objects = ToolQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A team must be named where a team shares it, and belong to the client."""
        if (self.scope == ToolScope.TEAM) != (self.team_id is not None):
            raise ValidationError({"team": "Choose the team that shares it, and only then."})
        if self.team is not None and self.team.client_id not in {None, self.client_id}:
            raise ValidationError({"team": "There is no such team."})


class SavedView(Tool):
    """A view of the desk under a name: the filters as the query of an address."""

    query = models.CharField(
        max_length=1000, blank=True, help_text=gettext_lazy("Such as status=open&severity=high.")
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope="team", team__isnull=False)
                | models.Q(team=None) & ~models.Q(scope="team"),
                name="view_team_where_shared",
            )
        ]


class Macro(Tool):
    """A canned reply, changes of fields, or both; nothing happens before a person sends or applies it."""

    body = models.TextField(
        blank=True, help_text=gettext_lazy("Markdown. Places such as {{ requester.first_name }} are filled.")
    )
    is_public = models.BooleanField(
        default=True, help_text=gettext_lazy("A reply; otherwise an internal note.")
    )
    status = models.CharField(max_length=8, choices=Status.choices, blank=True)
    priority = models.CharField(max_length=8, choices=Priority.choices, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices, blank=True)
    move_to = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=gettext_lazy("move to team"),
    )
    assign_to_me = models.BooleanField(
        default=False, help_text=gettext_lazy("Whoever applies it becomes the assignee.")
    )
    add_tags = models.JSONField(default=list, blank=True, help_text=gettext_lazy("Words that are added."))
    is_active = models.BooleanField(default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope="team", team__isnull=False)
                | models.Q(team=None) & ~models.Q(scope="team"),
                name="macro_team_where_shared",
            )
        ]

    def clean(self) -> None:
        """Text and fields: something must happen, and every place must be one that can be filled."""
        super().clean()
        unknown = sorted(set(VARIABLE.findall(self.body)) - set(MACRO_VARIABLES))
        if unknown:
            known = ", ".join(MACRO_VARIABLES)
            raise ValidationError({"body": f"“{unknown[0]}” cannot be filled. Use: {known}."})
        if self.move_to is not None and self.move_to.client_id not in {None, self.client_id}:
            raise ValidationError({"move_to": "There is no such team."})
        if not isinstance(self.add_tags, list) or not all(isinstance(item, str) for item in self.add_tags):
            raise ValidationError({"add_tags": "Write a list of words."})
        acts = (self.body.strip(), self.status, self.priority, self.severity, self.move_to, self.add_tags)
        if not any(acts) and not self.assign_to_me:
            raise ValidationError(_("Write a text or choose what to change."))


class BulkAction(Timestamped):
    """What was done to many tickets at once, so that it can be reported and taken back (T9).

    ``changed`` holds, for each ticket that changed, its key and the values before and after; ``failures`` a
    sentence by reference.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    words = models.CharField(max_length=300, help_text=gettext_lazy("What was to happen."))
    changed = models.JSONField(default=list)
    failures = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.words
