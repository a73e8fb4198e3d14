"""The hours of every calendar as they are become its first version."""

from django.db import migrations


def hours_of(calendar):
    rows = calendar.intervals.order_by("weekday", "starts")
    return {
        "zone": calendar.time_zone,
        "always_open": calendar.always_open,
        "country": calendar.holiday_country,
        "region": calendar.holiday_region,
        "intervals": [[row.weekday, row.starts.isoformat(), row.ends.isoformat()] for row in rows],
        "days": {row.date.isoformat(): [] for row in calendar.days.order_by("date")},
    }


def publish(apps, schema_editor):
    version = apps.get_model("teams", "CalendarVersion")
    for calendar in apps.get_model("teams", "BusinessCalendar").objects.filter(versions=None):
        version.objects.create(
            calendar=calendar, number=1, since=calendar.created_at, hours=hours_of(calendar)
        )


class Migration(migrations.Migration):
    dependencies = [("teams", "0007_calendar_versions")]

    operations = [migrations.RunPython(publish, migrations.RunPython.noop)]
