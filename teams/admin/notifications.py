"""Who is told, and the outbox with every try."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from common.exceptions import ApplicationError
from teams.admin.base import ActionAdmin, ClientAdmin, ReadOnlyInline, actor_in_admin
from teams.choices import Channel, NoticeKind
from teams.models import DeliveryAttempt, Notification, NotificationTarget, Team
from teams.services.notifications import notification_replay
from teams.services.signing import signing_secret_new
from teams.services.targets import target_resume, target_save, url_refuse


class TargetForm(forms.ModelForm):
    """An address in the open for mail; for other channels a URL that is written, never read."""

    url = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget,
        label=gettext_lazy("URL"),
        help_text=gettext_lazy(
            "The webhook of the chat channel or receiver. Kept encrypted; leave empty to keep it."
        ),
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Kinds"),
        required=False,
        choices=NoticeKind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy(
            "Nothing chosen: deadlines and tickets of its team. Alerts only where they are chosen."
        ),
    )

    class Meta:
        model = NotificationTarget
        fields = (
            "team", "user", "name", "channel", "address", "url", "kinds", "digest", "quiet_from",
            "quiet_until", "time_zone", "urgent_passes", "is_active",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Judge the URL before anything is written."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        url, channel = data.get("url", ""), data.get("channel")
        if channel != Channel.EMAIL and not url and not self.instance.secret_url:
            self.add_error("url", _("Enter the address of the channel."))
        if url and channel != Channel.EMAIL:
            try:
                url_refuse(url)
            except ApplicationError as error:
                self.add_error("url", error.sentence)
        return data


@admin.register(NotificationTarget)
class TargetsAdmin(ClientAdmin):
    """Places that are told, of teams, people and the house."""

    form = TargetForm
    list_display = (
        "__str__",
        "team",
        "user",
        "channel",
        "address",
        "digest",
        "is_active",
        "failures",
        "paused_at",
    )
    list_filter = ("channel", "is_active", "team")
    search_fields = ("name", "address")
    list_select_related = ("team", "user")
    autocomplete_fields = ("team", "user")
    actions = ("resume",)

    def belongs_to(self, actor: Any, obj: NotificationTarget) -> bool:
        """A lead changes what belongs to a team of the lead's clients; a person's own is the person's."""
        if actor.sees_every_client:
            return True
        return obj.team is not None and actor.may_see_client(obj.team.client_id)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What another person is told of is that person's choice; an administrator may help."""
        return () if actor_in_admin(request).sees_every_client else ("user",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A lead's target belongs to a team of the lead's clients.

        A target of the house hears of every client's alerts, one of a shared team of every client's tickets.
        """
        actor = actor_in_admin(request)
        limits = db_field.name == "team" and not actor.sees_every_client
        if limits:
            kwargs["queryset"] = Team.objects.filter(client__in=actor.client_ids or [])
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if limits and field is not None:
            field.required = True
        return field

    def save_model(self, request: HttpRequest, obj: NotificationTarget, form: Any, change: bool) -> None:
        """Save through the service; a new receiver gets its signing secret, shown this once."""
        fresh = obj.channel == Channel.WEBHOOK and not obj.signing_secret
        secret = signing_secret_new() if fresh else ""
        target_save(target=obj, url=form.cleaned_data["url"], signing_secret=secret)
        if secret:
            messages.warning(
                request,
                _("The signing secret is %(secret)s — copy it now; it is not shown again.")
                % {"secret": secret},
            )

    @action(description=gettext_lazy("Take up again"))
    def resume(self, request: HttpRequest, queryset: QuerySet[NotificationTarget]) -> None:
        """Forget the failures; what waited is due now."""
        rows = [row for row in queryset if self.belongs_to(actor_in_admin(request), row)]
        waiting = sum(target_resume(target=row, now=timezone.now()) for row in rows)
        messages.success(
            request,
            _("%(count)s targets are in use again; %(waiting)s messages waited.")
            % {"count": len(rows), "waiting": waiting},
        )


class TriesInline(ReadOnlyInline):
    """Every try."""

    model = DeliveryAttempt
    fields = ("at", "succeeded", "status", "error", "duration_ms")
    verbose_name_plural = gettext_lazy("Tries")


@admin.register(Notification)
class OutboxAdmin(ActionAdmin):
    """Messages that are owed or sent."""

    list_display = (
        "kind", "channel", "state", "hold", "attempts", "error", "client", "created_at", "next_at", "sent_at",
    )  # fmt: skip
    list_filter = ("state", "hold", "channel", "kind")
    search_fields = ("recipient", "event_key")
    list_select_related = ("client",)
    exclude = ("lease_token", "lease_until")
    inlines = (TriesInline,)
    actions = ("replay",)

    @action(description=gettext_lazy("Send again"))
    def replay(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Owe the chosen messages again; they keep their ids, so that receivers can drop a double."""
        now = timezone.now()
        done = sum(notification_replay(row=row, now=now) for row in self.selected(request, queryset))
        messages.success(request, _("%(done)s messages go out again.") % {"done": done})
