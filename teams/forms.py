"""What people choose to be told of."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.choices import Channel, Digest, NoticeKind
from teams.models import NotificationTarget, User

CHAT = ((Channel.SLACK, "Slack"), (Channel.TEAMS, "Microsoft Teams"))


class PreferenceForm(forms.Form):
    """Kinds, pace and quiet hours of one channel. Nothing chosen: nothing is sent by it."""

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell me of"),
        required=False,
        choices=NoticeKind.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    digest = forms.ChoiceField(label=gettext_lazy("How often"), required=False, choices=Digest.choices)
    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet from"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("Quiet until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    urgent_passes = forms.BooleanField(
        label=gettext_lazy("Critical breaches come at once all the same"), required=False
    )

    def __init__(self, *args: Any, alerts: bool, target: NotificationTarget | None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _initial(target))
        super().__init__(*args, **kwargs)
        for name in ("digest", "quiet_from", "quiet_until"):
            self.fields[name].hide_optional = True  # type: ignore[attr-defined]
        if not alerts:
            shown = [choice for choice in NoticeKind.choices if choice[0] != NoticeKind.ALERT]
            self.fields["kinds"].choices = shown  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Quiet hours have two ends."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if (data.get("quiet_from") is None) != (data.get("quiet_until") is None):
            self.add_error("quiet_until", _("Give both ends of the quiet hours, or none."))
        return data


class MailPreferenceForm(PreferenceForm):
    """By mail; the time zone is the person's and holds for every channel."""

    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=lambda: [(name, name) for name in sorted(available_timezones())],
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].initial = user.time_zone


class ChatPreferenceForm(PreferenceForm):
    """By a chat's webhook."""

    channel = forms.ChoiceField(label=gettext_lazy("Chat"), choices=CHAT)
    url = forms.URLField(
        label=gettext_lazy("Webhook address"),
        required=False,
        assume_scheme="https",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
        help_text=gettext_lazy(
            "An incoming webhook of your channel. Kept encrypted; leave empty to keep the stored one."
        ),
    )
    field_order = ("channel", "url", "kinds", "digest", "quiet_from", "quiet_until", "urgent_passes")


def _initial(target: NotificationTarget | None) -> dict[str, Any]:
    """What holds now; a person who has chosen nothing is told of everything but alerts."""
    if target is None:
        return {"kinds": [NoticeKind.SLA, NoticeKind.TICKET], "urgent_passes": True}
    kinds = target.kinds or [NoticeKind.SLA, NoticeKind.TICKET]
    return {
        "channel": target.channel,
        "kinds": kinds if target.is_active else [],
        "digest": target.digest,
        "quiet_from": target.quiet_from,
        "quiet_until": target.quiet_until,
        "urgent_passes": target.urgent_passes,
    }
