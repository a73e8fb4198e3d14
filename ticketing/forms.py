"""Shapes of what the desk sends; rules live in the services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.actors import Actor
from common.exceptions import ApplicationError
from teams.choices import Presence
from teams.models import Client, Team, User
from ticketing.choices import (
    MACRO_VARIABLES,
    LinkKind,
    Priority,
    Severity,
    Status,
    ToolScope,
    TriageField,
)
from ticketing.models import Macro, Ticket

FILES_LIMIT = 10


class FilesInput(forms.ClearableFileInput):
    """A file input that takes several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files; each fault is a sentence that names the file."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """The files, none of them empty or over the limit."""
        files: list[UploadedFile[Any]] = [file for file in data or [] if file]
        if not files and self.required:
            raise forms.ValidationError(_("Choose a file."))
        if len(files) > FILES_LIMIT:
            raise forms.ValidationError(_("Send at most %(limit)s files at once.") % {"limit": FILES_LIMIT})
        problems = [problem for file in files if (problem := self.problem_of(file))]
        if problems:
            raise forms.ValidationError(problems)
        return files

    def problem_of(self, file: UploadedFile[Any]) -> str:
        """What is wrong with a file; empty when nothing is."""
        limit = settings.MAX_UPLOAD_BYTES
        if not file.size:
            return _("“%(name)s” is empty.") % {"name": file.name}
        if file.size > limit:
            return _("“%(name)s” is larger than %(limit)s MB.") % {
                "name": file.name,
                "limit": limit // 1024 // 1024,
            }
        return ""


class MessageForm(forms.Form):
    """A reply or a note."""

    body = forms.CharField(
        widget=forms.Textarea,
        error_messages={"required": gettext_lazy("Write a message before you send it.")},
    )
    files = FilesField(required=False)  # type: ignore[assignment]


class NoteForm(MessageForm):
    """A note, and the macro it was made from."""

    macro = forms.UUIDField(required=False)


class ReplyForm(MessageForm):
    """A reply with what happens after it, and the suggestion it was made from."""

    then = forms.ChoiceField(required=False, choices=[("", ""), *Status.choices])
    draft = forms.UUIDField(required=False)
    macro = forms.UUIDField(required=False)


class StatusForm(forms.Form):
    """A new status."""

    status = forms.ChoiceField(choices=Status.choices)


class AssignForm(forms.Form):
    """A new team, or a new person; which one was sent decides."""

    team = forms.ModelChoiceField(queryset=Team.objects.none(), required=False)
    assignee = forms.ModelChoiceField(queryset=User.objects.none(), required=False)

    def __init__(self, data: Any, *, actor: Actor, ticket: Ticket) -> None:
        super().__init__(data)
        self.fields["team"].queryset = Team.objects.visible_to(actor).for_client(ticket.client_id)  # type: ignore[attr-defined]
        self.fields["assignee"].queryset = User.objects.visible_to(actor).filter(is_active=True)  # type: ignore[attr-defined]


class ConfirmForm(forms.Form):
    """What is right for one field."""

    field = forms.ChoiceField(choices=TriageField.choices)
    value = forms.CharField(max_length=200, error_messages={"required": gettext_lazy("Choose a value.")})


_BULK_PARTS = ("status", "team", "assignee", "priority", "tag", "macro")


class BulkForm(forms.Form):
    """Tickets and what they are to become."""

    tickets = forms.ModelMultipleChoiceField(
        queryset=Ticket.objects.none(),
        to_field_name="uuid",
        error_messages={
            "required": gettext_lazy("Select at least one ticket."),
            "invalid_choice": gettext_lazy("One of the tickets is no longer there."),
            "invalid_pk_value": gettext_lazy("One of the tickets is no longer there."),
        },
    )
    status = forms.ChoiceField(required=False, choices=[("", ""), *Status.choices])
    team = forms.ModelChoiceField(queryset=Team.objects.none(), required=False)
    assignee = forms.ModelChoiceField(queryset=User.objects.none(), required=False)
    priority = forms.ChoiceField(required=False, choices=[("", ""), *Priority.choices])
    tag = forms.CharField(required=False, max_length=60)
    macro = forms.ModelChoiceField(
        queryset=Macro.objects.none(), required=False, to_field_name="uuid", blank=True
    )
    confirm = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, actor: Actor, everything: QuerySet[Ticket] | None = None) -> None:
        """``everything`` are the tickets of a whole view, which are meant instead of single ones."""
        super().__init__(data)
        tickets = Ticket.objects.visible_to(actor).for_list()
        self.everything = everything
        if everything is not None:
            self.fields["tickets"].required = False
        self.fields["tickets"].queryset = tickets  # type: ignore[attr-defined]
        self.fields["macro"].queryset = Macro.objects.visible_to(actor).filter(is_active=True)  # type: ignore[attr-defined]
        self.fields["team"].queryset = Team.objects.visible_to(actor).filter(is_active=True)  # type: ignore[attr-defined]
        self.fields["assignee"].queryset = User.objects.visible_to(actor).filter(is_active=True)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """At least one change must be chosen."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not any(cleaned.get(name) for name in _BULK_PARTS):
            raise forms.ValidationError(_("Choose what to change: a status, a team or a person."))
        return cleaned

    def chosen(self) -> list[Ticket]:
        """The tickets that are meant."""
        rows = self.cleaned_data["tickets"] if self.everything is None else self.everything
        return list(rows)


class ToolForm(forms.Form):
    """A name and who uses it; what a person may share with depends on the role."""

    name = forms.CharField(max_length=80)
    scope = forms.ChoiceField(choices=ToolScope.choices, label=gettext_lazy("Who uses it"))
    team = forms.ModelChoiceField(
        queryset=Team.objects.none(), required=False, help_text=gettext_lazy("Only where a team uses it.")
    )
    client = forms.ModelChoiceField(queryset=Client.objects.none(), empty_label=None)

    def __init__(self, *args: Any, actor: Actor, teams: QuerySet[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self.fields["team"]
        own.queryset = teams if actor.is_lead else teams.filter(pk__in=actor.team_ids)
        clients: Any = self.fields["client"]
        clients.queryset = Client.objects.visible_to(actor).active()
        if not actor.is_lead:
            scope: Any = self.fields["scope"]
            scope.choices = [pair for pair in ToolScope.choices if pair[0] != ToolScope.EVERYONE]

    def explain(self, error: ApplicationError) -> None:
        """Put the sentences of a service where the faults are."""
        if not error.fields:
            self.add_error(None, error.sentence)
        for name, problems in error.fields.items():
            self.add_error(name if name in self.fields else None, problems)


class ViewForm(ToolForm):
    """A saved view."""

    query = forms.CharField(max_length=1000, required=False, widget=forms.HiddenInput)


class MacroForm(ToolForm):
    """A canned reply, changes of fields, or both."""

    body = forms.CharField(
        required=False,
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=format_lazy(
            gettext_lazy("Markdown. These places are filled: {names}."),
            names=", ".join(f"{{{{ {name} }}}}" for name in MACRO_VARIABLES),
        ),
    )
    is_public = forms.BooleanField(
        required=False, label=gettext_lazy("The text is a reply to the requester; otherwise an internal note")
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Status"), required=False, choices=[("", gettext_lazy("Keep")), *Status.choices]
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"),
        required=False,
        choices=[("", gettext_lazy("Keep")), *Priority.choices],
    )
    severity = forms.ChoiceField(
        label=gettext_lazy("Severity"),
        required=False,
        choices=[("", gettext_lazy("Keep")), *Severity.choices],
    )
    move_to = forms.ModelChoiceField(
        queryset=Team.objects.none(),
        required=False,
        label=gettext_lazy("Move to team"),
        empty_label=gettext_lazy("Keep"),
    )
    add_tags = forms.CharField(
        required=False, label=gettext_lazy("Add tags"), help_text=gettext_lazy("Separated by commas.")
    )
    assign_to_me = forms.BooleanField(required=False, label=gettext_lazy("Assign to whoever applies it"))

    def __init__(self, *args: Any, teams: QuerySet[Team], **kwargs: Any) -> None:
        super().__init__(*args, teams=teams, **kwargs)
        self.fields["move_to"].queryset = teams  # type: ignore[attr-defined]

    def clean_add_tags(self) -> list[str]:
        """The words, without doubles."""
        words = (word.strip()[:60] for word in self.cleaned_data["add_tags"].split(","))
        return list(dict.fromkeys(word for word in words if word))


class TagsForm(forms.Form):
    """The tags of a ticket, separated by commas."""

    tags = forms.CharField(required=False, max_length=600)

    def clean_tags(self) -> tuple[str, ...]:
        """The words, without doubles."""
        words = (word.strip()[:60] for word in self.cleaned_data["tags"].replace("\x00", "").split(","))
        return tuple(dict.fromkeys(word for word in words if word))


class MergeForm(forms.Form):
    """Where the conversation goes, and whether its requester follows it."""

    into = forms.CharField(
        max_length=40, error_messages={"required": gettext_lazy("Choose a ticket to merge into.")}
    )
    follow = forms.BooleanField(required=False)


class SplitForm(forms.Form):
    """The message that becomes a ticket of its own."""

    message = forms.UUIDField(
        error_messages={
            "required": gettext_lazy("Choose a message."),
            "invalid": gettext_lazy("Choose a message."),
        }
    )


class LinkForm(forms.Form):
    """Another ticket and how it belongs to this one."""

    kind = forms.ChoiceField(choices=[*LinkKind.choices, ("child", gettext_lazy("Part of"))])
    to = forms.CharField(
        max_length=40, error_messages={"required": gettext_lazy("Write the reference of a ticket.")}
    )


class LinkAnswerForm(forms.Form):
    """What becomes of a proposed or made link."""

    state = forms.ChoiceField(
        choices=[("confirmed", gettext_lazy("Confirm")), ("dismissed", gettext_lazy("Remove"))]
    )


class PresenceForm(forms.Form):
    """Whether the person takes new tickets; an end is read in the reader's time zone."""

    presence = forms.ChoiceField(choices=Presence.choices, widget=forms.RadioSelect)
    until = forms.CharField(
        required=False,
        label=gettext_lazy("Away until"),
        help_text=gettext_lazy("You are available again by yourself from then on. Empty: until you say so."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "input"}),
    )

    def __init__(self, data: Any, *, person: User) -> None:
        super().__init__(data, initial={"presence": person.presence})
        self.zone = timezone.get_current_timezone()
        help_text = self.fields["until"].help_text
        self.fields["until"].help_text = f"{help_text} " + _("Time zone: %(zone)s.") % {"zone": self.zone}
        if person.away_until is not None:
            self.initial["until"] = person.away_until.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")

    def clean_until(self) -> datetime | None:
        """A moment; none where the field is empty."""
        text = self.cleaned_data["until"]
        if not text:
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=self.zone)
        except ValueError as error:
            raise forms.ValidationError(_("Write the end as a date and a time.")) from error

    def clean(self) -> dict[str, Any]:
        """Who is available has no end of an absence, whatever still stands in the field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("presence") == Presence.AVAILABLE:
            cleaned["until"] = None
        return cleaned


def first_problem(form: forms.Form) -> str:
    """The first sentence of what is wrong."""
    return next(
        (str(error) for errors in form.errors.values() for error in errors), _("Some values are not valid.")
    )
