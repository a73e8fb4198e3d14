"""What was measured until now is measured by the calendar of its clock's policy, at its first version."""

from django.db import migrations

BATCH = 5_000


def fill(apps, schema_editor):
    segment = apps.get_model("sla", "Segment")
    versions = apps.get_model("teams", "CalendarVersion").objects.filter(number=1)
    for version in versions:
        rows = segment.objects.filter(version=None, clock__policy__calendar=version.calendar_id)
        while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
            segment.objects.filter(pk__in=ids).update(version=version)


class Migration(migrations.Migration):
    dependencies = [
        ("sla", "0002_ledger_by_version"),
        ("teams", "0008_first_calendar_versions"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
