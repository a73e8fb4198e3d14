"""Take internal notes out of the text that requesters search; rerunnable, in batches."""

from django.db import migrations

LIMIT = 200_000
BATCH = 500


def forwards(apps, schema_editor):
    message = apps.get_model("ticketing", "Message")
    document = apps.get_model("ticketing", "TicketSearchDocument")
    with_notes = message.objects.filter(is_public=False, is_first=False).values("ticket_id")
    rows = document.objects.filter(ticket_id__in=with_notes).select_related("ticket").order_by("pk")
    for row in list(rows.iterator(chunk_size=BATCH)):
        said = list(
            message.objects.filter(ticket_id=row.ticket_id, is_first=False)
            .order_by("created_at", "pk")
            .values_list("is_public", "body")
        )
        public = [body for is_public, body in said if is_public]
        row.text = "\n".join([row.ticket.subject, row.ticket.body, *public])[:LIMIT]
        row.notes = "\n".join(body for is_public, body in said if not is_public)[:LIMIT]
        row.save(update_fields=["text", "notes"])


class Migration(migrations.Migration):
    dependencies = [("ticketing", "0010_search_notes_apart")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
