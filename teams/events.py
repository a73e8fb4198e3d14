"""What the people layer tells the upper apps. ``docs/events.md`` mirrors this list and its receivers."""

from common.events import DomainEvent

presence_changed = DomainEvent("teams.presence_changed")
"""user: User — came back, or went away."""

team_changed = DomainEvent("teams.team_changed")
"""team: Team — its members, their capacity or skills, or its way of giving out tickets."""

calendar_changed = DomainEvent("teams.calendar_changed")
"""calendar: BusinessCalendar, version: CalendarVersion — the hours that hold from ``version.since`` on."""
