"""Business calendars as data; the arithmetic lives in ``sla.calendar``."""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords

from common.models import Timestamped


class BusinessCalendar(Timestamped):
    """Working hours in a time zone. Invariant: ``version`` rises with every change of its hours."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as Europe/Berlin.")
    always_open = models.BooleanField(default=False, help_text="24×7: intervals and holidays are ignored.")
    holiday_country = models.CharField(max_length=2, blank=True, help_text="ISO code; empty for none.")
    holiday_region = models.CharField(max_length=10, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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
    ends = models.TimeField()

    class Meta:
        ordering = ["calendar", "weekday", "starts"]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts:%H:%M}–{self.ends:%H:%M}"


class CalendarDay(models.Model):
    """A date of its own: closed all day."""

    calendar = models.ForeignKey(BusinessCalendar, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["calendar", "date"]
        constraints = [models.UniqueConstraint(fields=["calendar", "date"], name="calendar_day_once")]

    def __str__(self) -> str:
        return f"{self.date} {self.name}"
