"""When a message may go out: quiet hours, digests, the next full hour. Arithmetic only."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from teams.choices import Digest
from teams.models import NotificationTarget

_MORNING = time(8, 0)


def zone_of(target: NotificationTarget) -> ZoneInfo:
    """A person's own zone, else the one the target names."""
    return ZoneInfo(target.user.time_zone if target.user is not None else target.time_zone)


def quiet_end(target: NotificationTarget, *, now: datetime) -> datetime | None:
    """When the quiet hours end that hold now; None outside them. They may cross midnight."""
    if target.quiet_from is None or target.quiet_until is None:
        return None
    local = now.astimezone(zone_of(target))
    clock, start, end = local.time(), target.quiet_from, target.quiet_until
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    if not inside:
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    ends = datetime.combine(day, end, local.tzinfo)
    if ends.astimezone(UTC) <= now:
        ends = ends.replace(fold=1)  # In autumn the hour comes twice, and this is its second time.
    return ends.astimezone(now.tzinfo)


def next_hour(*, now: datetime) -> datetime:
    """The next full hour; what is held until then goes out together."""
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def digest_due(target: NotificationTarget, *, now: datetime) -> datetime | None:
    """When a target's next collected message goes out; None where it takes messages at once."""
    if target.digest == Digest.HOURLY:
        return next_hour(now=now)
    if target.digest != Digest.DAILY:
        return None
    local = now.astimezone(zone_of(target))
    day = local.date() if local.time() < _MORNING else local.date() + timedelta(days=1)
    return datetime.combine(day, _MORNING, local.tzinfo).astimezone(now.tzinfo)
