"""Search keeps internal notes apart from what requesters may find by; SQLite also finds parts of addresses.

SQLite's triggers go before the column comes: adding it rebuilds the table, which would drop them silently.
"""

from django.db import migrations, models

TABLE = "ticketing_ticketsearchdocument"
EVENTS = ("insert", "delete", "update")


def _full_text(name, columns, options):
    """A full-text table over the documents with the triggers that keep it in step."""
    fields = ", ".join(columns)
    new = ", ".join(f"new.{column}" for column in columns)
    old = ", ".join(f"old.{column}" for column in columns)
    add = f"INSERT INTO {name}(rowid, {fields}) VALUES (new.ticket_id, {new});"
    drop = f"INSERT INTO {name}({name}, rowid, {fields}) VALUES ('delete', old.ticket_id, {old});"
    return (
        f"CREATE VIRTUAL TABLE {name} USING fts5({fields}, content='{TABLE}', content_rowid='ticket_id', {options})",
        f"CREATE TRIGGER {name}_insert AFTER INSERT ON {TABLE} BEGIN {add} END",
        f"CREATE TRIGGER {name}_delete AFTER DELETE ON {TABLE} BEGIN {drop} END",
        f"CREATE TRIGGER {name}_update AFTER UPDATE ON {TABLE} BEGIN {drop} {add} END",
        f"INSERT INTO {name}({name}) VALUES ('rebuild')",
    )


def _without(name):
    return (*(f"DROP TRIGGER {name}_{event}" for event in EVENTS), f"DROP TABLE {name}")


WORDS = "tokenize='unicode61 remove_diacritics 2', prefix='2 3'"
BEFORE = _full_text("ticket_search", ("identifiers", "text"), WORDS)
AFTER = (
    *_full_text("ticket_search", ("identifiers", "text", "notes"), WORDS),
    *_full_text("ticket_search_parts", ("identifiers",), "tokenize='trigram'"),
)
INDEX = f"CREATE INDEX ticket_search_text ON {TABLE} USING gin (to_tsvector('simple', {{}}))"
NO_INDEX = "DROP INDEX ticket_search_text"
POSTGRES_BEFORE = INDEX.format("identifiers || ' ' || text")
POSTGRES_AFTER = INDEX.format("identifiers || ' ' || text || ' ' || notes")


def _run(schema_editor, sqlite, postgres):
    statements = sqlite if schema_editor.connection.vendor == "sqlite" else postgres
    for statement in statements:
        schema_editor.execute(statement)


def drop_before(apps, schema_editor):
    _run(schema_editor, _without("ticket_search"), (NO_INDEX,))


def make_before(apps, schema_editor):
    _run(schema_editor, BEFORE, (POSTGRES_BEFORE,))


def make_after(apps, schema_editor):
    _run(schema_editor, AFTER, (POSTGRES_AFTER,))


def drop_after(apps, schema_editor):
    _run(schema_editor, (*_without("ticket_search"), *_without("ticket_search_parts")), (NO_INDEX,))


class Migration(migrations.Migration):
    dependencies = [("ticketing", "0009_merges_and_followers")]

    operations = [
        migrations.RunPython(drop_before, make_before),
        migrations.AddField(
            model_name="ticketsearchdocument",
            name="notes",
            field=models.TextField(default="", help_text="Internal notes; only staff find by them."),
        ),
        migrations.AlterField(
            model_name="ticketsearchdocument",
            name="text",
            field=models.TextField(help_text="Subject, body and public messages."),
        ),
        migrations.RunPython(make_after, drop_after),
    ]
