"""The SLA check with many open clocks and few that are due (P7): its cost has to grow with what is due.

Run with a PostgreSQL database of its own, which must be empty and can be dropped afterwards (3 GB)::

    createdb bench_sla
    DATABASE_URL=postgres://…/bench_sla python -m bench.sla_check

Every ticket has two clocks around the clock (first response and resolution), a team with an address, and
segments. Due clocks belong to different tickets all over the table. Each figure is the median (and the best)
of some whole checks: claims, outbox rows, the search for tickets without clocks, all that the beat task does.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from typing import Any

TARGET_SECONDS = 1.0


def columns_of(table: str) -> list[str]:
    """The columns of a table."""
    from django.db import connection  # noqa: PLC0415  settings come first

    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def run(sql: str, *given: Any) -> None:
    """One statement."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(sql, given)


def first_ticket() -> int:
    """A real ticket with real clocks, opened through the services, that the others are copies of."""
    from sla.models import Policy  # noqa: PLC0415
    from sla.services.defaults import defaults_load  # noqa: PLC0415
    from teams.models import Client, NotificationTarget, Team  # noqa: PLC0415
    from ticketing.choices import TriageIntent  # noqa: PLC0415
    from ticketing.models import ClientSettings, Taxonomy, Ticket  # noqa: PLC0415
    from ticketing.services.requesters import RequesterIdentity, requester_resolve  # noqa: PLC0415
    from ticketing.services.tickets import NewTicket, ticket_open  # noqa: PLC0415

    if Ticket.objects.exists():
        raise SystemExit("This database is in use; give one of its own.")
    from common.actors import system_actor  # noqa: PLC0415

    defaults_load()
    client = Client.objects.create(slug="bench", name="Bench")
    taxonomy = Taxonomy.objects.create(slug="bench", name="Bench")
    ClientSettings.objects.create(client=client, taxonomy=taxonomy)
    team = Team.objects.create(slug="bench", name="Bench")
    NotificationTarget.objects.create(team=team, channel="email", address="team@example.org")
    requester = requester_resolve(client=client, identity=RequesterIdentity(email="rita@example.org"))
    new = NewTicket(
        client=client, requester=requester, subject="VPN drops", body="Hello.", intent=TriageIntent.NONE
    )
    ticket = ticket_open(new=new, actor=system_actor())
    Ticket.objects.filter(pk=ticket.pk).update(team=team)
    Policy.objects.update(warn_percents=[50, 75, 90])
    return ticket.pk


def fill(template: int, have: int, tickets: int) -> None:
    """Copies of the template up to so many tickets, opened over the last month, with their clocks."""
    own = {
        "id": "made", "uuid": "gen_random_uuid()", "number": "made", "reference": "'SW-' || made",
        "created_at": "now() - interval '29 days' * random()",
    }  # fmt: skip
    columns = columns_of("ticketing_ticket")
    values = ", ".join(own.get(column, f"t.{column}") for column in columns)
    offset = template + have
    run(
        f"INSERT INTO ticketing_ticket ({', '.join(columns)}) SELECT {values} FROM ticketing_ticket t, "
        f"generate_series({offset}, {template + tickets - 1}) made WHERE t.id = %s",
        template,
    )
    later = {
        "due_at": "now() + interval '1 day' * (1 + 30 * random())",
        "warn_at": "now() + interval '20 hours'",
    }
    columns = [column for column in columns_of("sla_clock") if column != "id"]
    own = {**later, "ticket_id": "made"}
    values = ", ".join(own.get(column, f"c.{column}") for column in columns)
    run(
        f"INSERT INTO sla_clock ({', '.join(columns)}) SELECT {values} FROM sla_clock c, "
        f"generate_series({offset}, {template + tickets - 1}) made WHERE c.ticket_id = %s",
        template,
    )
    run(
        "INSERT INTO sla_segment (clock_id, kind, started_at, reason) SELECT c.id, 'running', c.started_at, "
        "'Started.' FROM sla_clock c LEFT JOIN sla_segment s ON s.clock_id = c.id WHERE s.id IS NULL"
    )
    run("UPDATE sla_clock SET due_at = now() + interval '30 days' WHERE ticket_id = %s", template)
    for table in ("ticketing_ticket", "sla_clock", "sla_segment"):
        run(f"VACUUM ANALYZE {table}")


def checks(rounds: int, due: int, level: str) -> tuple[float, float]:
    """Seconds of a check with so many clocks due: the median of some rounds, and the best of them."""
    from django.utils import timezone  # noqa: PLC0415

    from sla.services.checks import check_due  # noqa: PLC0415

    seconds = []
    column = "due_at" if level == "breached" else "warn_at"
    for _ in range(rounds):
        run(
            f"UPDATE sla_clock SET {column} = now() - interval '1 minute' "
            "WHERE id IN (SELECT id FROM sla_clock WHERE state = 'running' AND kind = %s "
            "AND warned_percent = 0 AND ticket_id > (SELECT min(id) FROM ticketing_ticket) "
            "ORDER BY random() LIMIT %s)",
            "first_response" if level == "breached" else "resolution",
            due,
        )
        if level == "warned":
            run(
                "UPDATE sla_segment SET started_at = now() - interval '37 hours' WHERE clock_id IN "
                "(SELECT id FROM sla_clock WHERE warn_at < now() AND state = 'running')"
            )
        began = time.perf_counter()
        done = check_due(now=timezone.now())
        seconds.append(time.perf_counter() - began)
        if done[level] != due:
            raise SystemExit(f"{done} instead of {due} {level}.")
    return statistics.median(seconds), min(seconds)


def main() -> None:
    """Read the arguments, fill step by step and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clocks", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--due", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["LOG_LEVEL"] = "ERROR"
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    run("SET statement_timeout = 0")
    template, have = first_ticket(), 1
    figures = []
    for clocks in sorted(given.clocks):
        fill(template, have, clocks // 2)
        have = clocks // 2
        nothing = checks(given.rounds, 0, "breached")
        breached = checks(given.rounds, given.due, "breached")
        warned = checks(given.rounds, given.due, "warned")
        figures.append(breached)
        words = ", ".join(
            f"{name} {median:.3f} s (best {best:.3f})"
            for name, (median, best) in (
                ("nothing due", nothing),
                ("breaches", breached),
                ("warnings", warned),
            )
        )
        print(f"{clocks:>9,} open clocks: {words}", flush=True)
    (first, _), (last, best) = figures[0], figures[-1]
    kept = "kept" if last < TARGET_SECONDS else "kept at best" if best < TARGET_SECONDS else "missed"
    load = os.getloadavg()[0]
    print(f"growth of the breaches: {last / first:.2f}; target {TARGET_SECONDS} s {kept}; load {load:.1f}")


if __name__ == "__main__":
    main()
