"""Business calendars as data; the arithmetic lives in ``teams.calendar``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from teams.validators import check_holiday_country, check_time_zone


class BusinessCalendar(Timestamped):
    """Working hours in a time zone.

    Invariant: every change of its hours is a new ``CalendarVersion``, made by ``services.calendars``; what
    was measured before keeps the version that held then.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[check_time_zone],
        help_text=_("IANA name, such as Europe/Berlin. Summer time is followed."),
    )
    always_open = models.BooleanField(default=False, help_text=_("24×7: intervals and holidays are ignored."))
    holiday_country = models.CharField(
        max_length=2,
        blank=True,
        validators=[check_holiday_country],
        help_text=_("ISO code, such as DE: its public holidays are closed. Empty for none."),
    )
    holiday_region = models.CharField(
        max_length=20, blank=True, help_text=_("Code of a state or province of the country, such as BY.")
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The region is one of the country's. Raises ValidationError."""
        try:
            check_holiday_country(self.holiday_country, self.holiday_region)
        except ValidationError as error:
            raise ValidationError({"holiday_region": error.messages}) from error


class CalendarInterval(models.Model):
    """Open from ``starts`` to ``ends`` local time; an end at or before the start is on the next day."""

    calendar = models.ForeignKey(BusinessCalendar, on_delete=models.CASCADE, related_name="intervals")
    weekday = models.PositiveSmallIntegerField(
        choices=[
            (0, "Monday"),
            (1, "Tuesday"),
            (2, "Wednesday"),
            (3, "Thursday"),
            (4, "Friday"),
            (5, "Saturday"),
            (6, "Sunday"),
        ]
    )
    starts = models.TimeField()
    ends = models.TimeField(help_text=_("At or before the start: on the next day."))

    class Meta:
        ordering = ["calendar", "weekday", "starts"]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts:%H:%M}–{self.ends:%H:%M}"


class CalendarDay(models.Model):
    """A date of its own, which goes before weekday and public holiday.

    Closed all day; or open: at the hours given, else at the usual ones of its weekday in spite of a holiday.
    """

    calendar = models.ForeignKey(BusinessCalendar, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()
    name = models.CharField(max_length=120)
    is_open = models.BooleanField(
        "open", default=False, help_text=_("Worked although it is a holiday, or at other hours than usual.")
    )
    starts = models.TimeField(null=True, blank=True, help_text=_("Empty: the usual hours of the weekday."))
    ends = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ["calendar", "date"]
        constraints = [models.UniqueConstraint(fields=["calendar", "date"], name="calendar_day_once")]

    def __str__(self) -> str:
        return f"{self.date} {self.name}"

    def clean(self) -> None:
        """Hours come in pairs and only for a day that is open. Raises ValidationError."""
        if (self.starts is None) != (self.ends is None):
            raise ValidationError({"ends": "Give both a start and an end, or neither."})
        if self.starts is not None and not self.is_open:
            raise ValidationError({"is_open": "A closed day has no hours; mark it as open or empty them."})


class CalendarVersion(models.Model):
    """The hours of a calendar as they were from one moment on.

    Invariant: written once and never changed; deadlines refer to it, so it is not deleted with the calendar
    while they do. ``hours`` is what ``selectors.work_calendar`` reads.
    """

    calendar = models.ForeignKey(BusinessCalendar, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    since = models.DateTimeField(default=timezone.now)
    hours: Any = models.JSONField()

    class Meta:
        ordering = ["calendar", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "number"], name="calendar_version_once"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
