"""What the people layer tells the upper apps. ``docs/events.md`` mirrors this list and its receivers."""

from common.events import DomainEvent

calendar_changed = DomainEvent("teams.calendar_changed")
"""calendar: BusinessCalendar, version: CalendarVersion — the hours that hold from ``version.since`` on."""
