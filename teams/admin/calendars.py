"""The back office of working hours."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.base import ChildInline, HistoryAdmin, ReadOnlyInline
from teams.admin.people import AdministratorsOnly
from teams.calendar import Interval
from teams.models import BusinessCalendar, CalendarDay, CalendarInterval, CalendarVersion
from teams.services.calendars import calendar_publish
from teams.validators import check_intervals


class IntervalFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """The week as a whole: some hours, none of them twice."""

    def clean(self) -> None:
        """Refuse a calendar without hours and intervals that overlap. Raises ValidationError."""
        super().clean()
        if any(self.errors):
            return
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data]
        kept = [row for row in rows if not row.get("DELETE") and "weekday" in row]
        always_open = bool(self.instance.always_open)
        if not always_open or kept:
            check_intervals(
                [Interval(int(row["weekday"]), row["starts"], row["ends"]) for row in kept],
                needed=not always_open,
            )


class IntervalInline(ChildInline):
    """Working hours."""

    model = CalendarInterval
    formset = IntervalFormSet
    verbose_name_plural = gettext_lazy("Working hours")


class DayFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """Dates of its own."""

    def clean(self) -> None:
        """Each date once, said in words. Raises ValidationError."""
        super().clean()
        rows = [form.cleaned_data for form in self.forms if getattr(form, "cleaned_data", None)]
        dates = [row["date"] for row in rows if row.get("date") and not row.get("DELETE")]
        if len(set(dates)) != len(dates):
            raise ValidationError(_("The same date is given twice."))


class DayInline(ChildInline):
    """Dates of its own: closed, or open although they are holidays, or open at other hours."""

    model = CalendarDay
    formset = DayFormSet
    verbose_name_plural = gettext_lazy("Own dates")


class VersionInline(ReadOnlyInline):
    """What deadlines were and are measured by."""

    model = CalendarVersion
    fields = ("number", "since", "hours")
    verbose_name_plural = gettext_lazy("Versions")


@admin.register(BusinessCalendar)
class CalendarsAdmin(AdministratorsOnly, HistoryAdmin):
    """Business hours; used by teams and SLA policies of every client. A change holds from its moment on."""

    list_display = ("name", "time_zone", "always_open", "holiday_country", "holiday_region")
    search_fields = ("name", "slug")
    inlines = (IntervalInline, DayInline, VersionInline)
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> Any:
        """Calendars are shared."""
        return self.model._default_manager.all()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The hours are complete when the rows beneath are saved: then they are a version."""
        super().save_related(request, form, formsets, change)
        calendar_publish(calendar=form.instance, now=timezone.now())
