"""The addresses of teams become notification targets. Only mail addresses were ever written to."""

from django.db import migrations


def move(apps, schema_editor):
    team_model = apps.get_model("teams", "Team")
    target_model = apps.get_model("teams", "NotificationTarget")
    for team in team_model.objects.exclude(notify_addresses=[]).iterator(chunk_size=500):
        for address in team.notify_addresses:
            if "@" in str(address) and "://" not in str(address):
                target_model.objects.get_or_create(
                    team=team, channel="email", address=str(address).strip().lower()[:320]
                )


class Migration(migrations.Migration):
    dependencies = [("teams", "0005_notification_targets")]

    operations = [migrations.RunPython(move, migrations.RunPython.noop)]
