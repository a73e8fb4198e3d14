"""P6: lists, detail, creation and search with 500,000 tickets on PostgreSQL.

Makes a database of its own, fills it with statements of SQL, measures through the whole stack of Django (no
network), and drops it: ``python -m bench.lists [--dsn postgres://…/postgres] [--tickets 500000] [--keep]``.
Needs 3 GB of disk. Prints p50 and p95 in milliseconds (median of three rounds) and the queries of a call.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

NAME = "switchyard_bench_lists"
TARGET_MS = 100.0
ROUNDS = 3
FILL = (
    """INSERT INTO ticketing_requester (uuid, client_id, name, phone, external_id, is_anonymous, created_at,
         updated_at)
       SELECT gen_random_uuid(), %(client)s, 'Person ' || n, '', 'p' || n, false, now(), now()
       FROM generate_series(1, 20000) n""",
    """INSERT INTO ticketing_requesteraddress (requester_id, client_id, email, is_verified)
       SELECT id, client_id, external_id || '@example.org', true FROM ticketing_requester WHERE external_id
         LIKE 'p%%'""",
    "INSERT INTO ticketing_ticketnumber SELECT n FROM generate_series(1, %(tickets)s) n",
    "SELECT setval(pg_get_serial_sequence('ticketing_ticketnumber', 'id'), %(tickets)s)",
    """INSERT INTO ticketing_ticket (uuid, number, reference, client_id, requester_id, subject, body, channel,
         status, taxonomy_id, category_id, severity, priority, sentiment, root_cause, language, summary,
         team_id, metadata, needs_review, triaged_at, resolved_at, closed_at, next_due_at, version,
         created_at, updated_at)
       SELECT gen_random_uuid(), n, 'SW-' || n, %(client)s,
         %(person)s + n %% 20000, w[1 + n %% 12] || ' ' || w[1 + n / 7 %% 12] || ' number ' || n,
         repeat(w[1 + n / 3 %% 12] || ' again and ' || w[1 + n / 5 %% 12] || ' too. ', 12), 'email',
         s.status, %(taxonomy)s, (%(categories)s::bigint[])[1 + n %% 7],
         (ARRAY['critical','high','medium','low','medium','low','medium','low'])[1 + n %% 8],
         (ARRAY['urgent','high','normal','low'])[1 + n %% 4], 'neutral', 'other', 'en', '',
         (%(teams)s::bigint[])[1 + n %% 5], '{}', n %% 50 = 0, t.at, CASE WHEN s.status IN
         ('resolved','closed') THEN t.at END, CASE WHEN s.status = 'closed' THEN t.at END,
         CASE WHEN s.status IN ('new','open') THEN now() + (n %% 5000 - 1000) * interval '1 minute' END, 1,
         t.at, t.at
       FROM generate_series(1, %(tickets)s) n,
         LATERAL (SELECT now() - (%(tickets)s - n) * interval '1 minute' AS at) t,
         LATERAL (SELECT CASE WHEN n %% 20 = 0 THEN 'open' WHEN n %% 20 = 1 THEN 'new'
                  WHEN n %% 20 = 2 THEN 'pending' WHEN n %% 20 < 6 THEN 'resolved' ELSE 'closed' END
                  AS status) s,
         LATERAL (SELECT ARRAY['printer','vpn','password','screen','database','invoice','laptop','network',
                  'backup','certificate','mailbox','telephone'] AS w) w""",
    """INSERT INTO ticketing_message (uuid, ticket_id, is_public, author_kind, author_requester_id,
         author_label, body, format, html, email_message_id, is_first, created_at, updated_at)
       SELECT gen_random_uuid(), id, true, 'requester', requester_id, 'Person', body, 'plain', '', '', true,
         created_at, created_at FROM ticketing_ticket""",
    """INSERT INTO ticketing_ticketsearchdocument (ticket_id, identifiers, text, notes)
       SELECT id, reference || ' person', subject || ' ' || body, '' FROM ticketing_ticket""",
    "ANALYZE",
)


def main() -> None:
    """Make, fill, measure, drop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--tickets", type=int, default=500_000)
    parser.add_argument("--keep", action="store_true", help="Keep the database, and take one that is there.")
    parser.add_argument("--calls", type=int, default=40, help="Calls a round.")
    given = parser.parse_args()
    here = urlunsplit(urlsplit(given.dsn)._replace(path=f"/{NAME}"))
    with psycopg.connect(given.dsn, autocommit=True) as server:
        there = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
        if not there:
            server.execute(f"CREATE DATABASE {NAME}")
    os.environ.update(TEST_DATABASE_URL=here, DJANGO_SETTINGS_MODULE="config.test_settings")
    try:
        prepare(given.tickets, fill=not there)
        measure(given.tickets, given.calls)
    finally:
        if not given.keep:
            from django.db import connections  # noqa: PLC0415

            connections.close_all()
            with psycopg.connect(given.dsn, autocommit=True) as server:
                server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def prepare(tickets: int, *, fill: bool) -> None:
    """Tables, reference data, people and tickets."""
    import django  # noqa: PLC0415

    django.setup()
    from django.test.utils import setup_test_environment  # noqa: PLC0415

    setup_test_environment()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    if not fill:
        return
    started = time.perf_counter()
    from teams.models import Team, User  # noqa: PLC0415
    from ticketing.models import Category, Requester  # noqa: PLC0415
    from ticketing.tests.world import World  # noqa: PLC0415

    world = World()
    User.objects.filter(username="lead").update(is_staff=True)
    for number in range(5):
        Category.objects.create(taxonomy=world.taxonomy, slug=f"c{number}", name=f"Category {number}")
        Team.objects.create(client=world.client_a, slug=f"t{number}", name=f"Team {number}")
    values: dict[str, Any] = {
        "tickets": tickets, "client": world.client_a.pk, "taxonomy": world.taxonomy.pk,
        "categories": list(Category.objects.values_list("pk", flat=True)),
        "teams": list(Team.objects.filter(client=None).values_list("pk", flat=True)) * 3,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET synchronous_commit = off")
        for place, statement in enumerate(FILL):
            if place == 2:
                values["person"] = Requester.objects.filter(external_id="p1").values_list("pk", flat=True)[0]
            cursor.execute(statement, values)
    print(f"filled with {tickets:,} tickets in {time.perf_counter() - started:.0f} s")


def measure(tickets: int, calls: int) -> None:
    """Each call as a lead of the one client, through the whole stack."""
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415
    from rest_framework.test import APIClient  # noqa: PLC0415

    from teams.models import User  # noqa: PLC0415

    lead = User.objects.get(username="lead")
    browser, api = Client(), APIClient()
    browser.force_login(lead)
    api.force_authenticate(lead)

    def get(path: str, caller: Any = api) -> Callable[[int], Any]:
        return lambda number: caller.get(path.replace("{n}", str(1 + number * 7919 % tickets)))

    def create(number: int) -> Any:
        return api.post("/api/v1/tickets", {"subject": f"Bench {number}", "body": "It hums."})

    admin = "/admin/ticketing/ticket/"
    cases: list[tuple[str, Callable[[int], Any], bool]] = [
        ("API list", get("/api/v1/tickets"), True),
        ("API list, status and severity", get("/api/v1/tickets?status=open&severity=critical"), True),
        ("API list, by priority", get("/api/v1/tickets?ordering=priority&status_category=open"), True),
        ("API detail", get("/api/v1/tickets/SW-{n}"), True),
        ("API create, no AI", create, True),
        ("API search, a rare word", get("/api/v1/tickets?q={n}"), False),
        ("API search, a common word", get("/api/v1/tickets?q=printer"), False),
        ("desk queue", get("/desk/", browser), False),
        ("admin list", get(admin, browser), False),
        (
            "admin list, open and critical",
            get(f"{admin}?status__exact=open&severity__exact=critical", browser),
            False,
        ),
        ("admin search, a common word", get(f"{admin}?q=printer", browser), False),
    ]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    late = []
    for name, call, bound in cases:
        call(0)
        with CaptureQueriesContext(connection) as queries:
            answer = call(1)
        asked = len(queries)
        if answer.status_code not in {200, 201}:
            sys.exit(f"{name}: {answer.status_code} {answer.content[:300]}")
        p50, p95 = (
            statistics.median(figures)
            for figures in zip(*(_round(call, calls) for _ in range(ROUNDS)), strict=True)
        )
        print(f"{name:34} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   {asked} queries")
        if bound and p95 >= TARGET_MS:
            late.append(name)
    if late:
        sys.exit(f"Over {TARGET_MS:.0f} ms: {', '.join(late)}.")


def _round(call: Callable[[int], Any], calls: int) -> tuple[float, float]:
    taken = []
    for number in range(calls):
        started = time.perf_counter()
        call(number + 2)
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


if __name__ == "__main__":
    main()
