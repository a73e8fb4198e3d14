"""Shapes of what the portal sends; rules live in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.exceptions import ApplicationError
from ingest.services.uploads import type_check
from ticketing.forms import FilesField
from ticketing.services.tickets import BODY_LIMIT, SUBJECT_LIMIT

ACCEPTED = ".pdf,.docx,.txt,.log,.csv,.json,.xml,.xlsx,.eml"


class ReadableFilesField(FilesField):
    """Several files of the types that can be read."""

    def problem_of(self, file: UploadedFile[Any]) -> str:
        """What is wrong with a file, its type included; empty when nothing is."""
        problem = super().problem_of(file)
        if problem:
            return problem
        try:
            type_check(name=file.name or "")
        except ApplicationError as error:
            return f"“{file.name}”: {error.message}"
        return ""


class RequestForm(forms.Form):
    """A request for help: text, files or both."""

    body = forms.CharField(
        label=gettext_lazy("What happened?"),
        required=False,
        max_length=BODY_LIMIT,
        widget=forms.Textarea(attrs={"rows": 8, "class": "input", "autofocus": True}),
        help_text=gettext_lazy("What did you do, what did you expect, what came instead? Error texts help."),
    )
    subject = forms.CharField(
        label=gettext_lazy("Subject"),
        required=False,
        max_length=SUBJECT_LIMIT,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    files = ReadableFilesField(label=gettext_lazy("Files"), required=False)  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A file may stand in for the text, yet "optional" beside the main question would mislead.
        self.fields["body"].hide_optional = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Something must be there; a request with a file at fault says only that."""
        cleaned: dict[str, Any] = super().clean() or {}
        empty = not cleaned.get("body", "").strip() and not cleaned.get("files")
        if empty and not self.errors:
            self.add_error("body", _("Tell us what happened, or add a file that does."))
        return cleaned


class PortalReplyForm(forms.Form):
    """A requester's answer."""

    body = forms.CharField(
        widget=forms.Textarea,
        max_length=BODY_LIMIT,
        error_messages={"required": gettext_lazy("Write a message before you send it.")},
    )
    files = ReadableFilesField(required=False)  # type: ignore[assignment]


class ChatForm(forms.Form):
    """A question to the assistant."""

    message = forms.CharField(
        label=gettext_lazy("Your question"),
        required=False,
        max_length=4_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": gettext_lazy("At most 4,000 characters; send the rest as a file.")},
    )
    files = ReadableFilesField(label=gettext_lazy("Files"), required=False)  # type: ignore[assignment]


class RatingForm(forms.Form):
    """One to five, and why."""

    RATINGS = (
        (5, gettext_lazy("Very good")),
        (4, gettext_lazy("Good")),
        (3, gettext_lazy("Fair")),
        (2, gettext_lazy("Poor")),
        (1, gettext_lazy("Bad")),
    )
    rating = forms.TypedChoiceField(
        label=gettext_lazy("How was our help?"),
        choices=RATINGS,
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one of the five ratings.")},
    )
    comment = forms.CharField(
        label=gettext_lazy("What was good, what was not?"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "input"}),
    )
