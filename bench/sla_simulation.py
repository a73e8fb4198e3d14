"""Benchmark S8: a year of real incidents under several promises, by the rules of the ledger, in memory.

Run: ``python -m bench.sla_simulation DATA``, where DATA holds ``incident_event_log.csv.gz`` or the folder
``servicenow_incident_log`` with it (UCI data set 498, CC BY 4.0). Its rows are versions of incidents: state,
time of the change, times of resolution and closing, and ``made_sla``, whether the owner's own promise was
kept. What was promised there is not published.

Each incident is replayed: opened, paused while it awaits somebody, stopped when resolved, counted on when it
is reopened. Columns: the share kept by our count and by the owner's (``made``), how often both agree, how
often always giving the commoner answer would (``always``), how many of the owner's breaches are found, and
incidents a second. The last lines choose a target for each priority on the older half and are judged on the
newer.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bench.django_ready  # noqa: F401  sets Django up
from sla.choices import SegmentKind, TargetKind
from sla.ledger import Ledger, Piece, begin, kind_in, spent, stop, switch
from sla.models import Clock
from teams.models import CalendarVersion
from ticketing.choices import StatusCategory

FILE = "incident_event_log.csv.gz"
SHIPPED = {"1": 480, "2": 1440, "3": 4320, "4": 10080}
"""The shipped resolution targets in minutes, priority 1 being critical."""
HOUR = 60
CANDIDATES = [hours * HOUR for hours in (1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 60, 72, 96, 120, 168, 240, 336)]
OPEN = {"New", "Active"}
ENDED = {"Resolved", "Closed"}


@dataclass(frozen=True, slots=True)
class Incident:
    """When it was opened, every change of its state, its last priority, and the owner's verdict."""

    opened: datetime
    changes: list[tuple[datetime, str]]
    priority: str
    made: bool


def moment(text: str) -> datetime | None:
    """A time of the log (day first, no zone, taken as UTC); None for a question mark."""
    return None if text == "?" else datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def read(path: Path) -> tuple[list[Incident], int]:
    """The incidents that ended, the oldest first, and how many had no usable end."""
    versions: dict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            versions[row["number"]].append(row)
    found, left = [], 0
    for rows in versions.values():
        rows.sort(key=lambda row: int(row["sys_mod_count"]))
        incident = incident_of(rows)
        left += incident is None
        found += [incident] if incident else []
    return sorted(found, key=lambda row: row.opened), left


def state_of(row: dict[str, str]) -> str:
    """The state; copies of the log name the column in two ways."""
    return row.get("incident_state") or row["ident_state"]


def incident_of(rows: Sequence[dict[str, str]]) -> Incident | None:
    """The history of one incident; None where it has no time of opening or of its end."""
    last = rows[-1]
    opened, resolved = moment(last["opened_at"]), moment(last["resolved_at"]) or moment(last["closed_at"])
    if opened is None or resolved is None:
        return None
    state = state_of(rows[0])
    changes: list[tuple[datetime, str]] = [] if state in OPEN else [(opened, state)]
    for row in rows[1:]:
        new = state_of(row)
        at = moment(row["sys_updated_at"])
        if new != state and at is not None:
            changes.append((max(at, opened), new))
            state = new
    if not any(name in ENDED for _, name in changes):
        changes.append((max(resolved, opened), "Resolved"))
    return Incident(opened, changes, last["priority"], last["made_sla"] == "true")


def replay(incident: Incident, minutes: int, version: CalendarVersion | None, *, pauses: bool) -> Ledger:
    """The resolution clock of an incident, from its opening to its last end, by the ledger's own rules."""
    ledger = fresh(incident.opened, minutes, version, timedelta())
    for at, state in incident.changes:
        ended = ledger.clock.stopped_at is not None
        if state in ENDED:
            if not ended:
                stop(ledger, at, met=True)
        elif ended:
            ledger = fresh(at, minutes, version, spent(ledger, ledger.clock.stopped_at or at))
        else:
            category = StatusCategory.OPEN if state in OPEN or not pauses else StatusCategory.WAITING
            switch(ledger, kind_in(category, TargetKind.RESOLUTION), at, state)
    return ledger


def fresh(at: datetime, minutes: int, version: CalendarVersion | None, carried: timedelta) -> Ledger:
    """A clock that runs from a moment on."""
    clock = Clock(kind=TargetKind.RESOLUTION, minutes=minutes, started_at=at, carried=carried)
    ledger = Ledger(clock, [])
    begin(ledger, [Piece(SegmentKind.RUNNING, at, None, "Started.")], [version] if version else [])
    return ledger


def office() -> CalendarVersion:
    """Monday to Friday, 8 to 18, without holidays: the log names no country."""
    hours: dict[str, Any] = {
        "always_open": False, "zone": "UTC", "country": "", "region": "", "days": {},
        "intervals": [[day, "08:00:00", "18:00:00"] for day in range(5)],
    }  # fmt: skip
    return CalendarVersion(pk=1, calendar_id=1, number=1, since=datetime(2000, 1, 1, tzinfo=UTC), hours=hours)


def settings() -> Iterator[tuple[str, CalendarVersion | None, bool]]:
    """The ways of counting that are compared."""
    yield "around the clock, no pauses", None, False
    yield "around the clock, pauses", None, True
    yield "Mon-Fri 8-18, no pauses", office(), False
    yield "Mon-Fri 8-18, pauses", office(), True


def judged(incidents: Sequence[Incident], ledgers: Sequence[Ledger]) -> list[tuple[bool, bool]]:
    """What we and the owner say of each that ended; one that was reopened and never ended is left out."""
    return [
        (ledger.clock.breached_at is None, incident.made)
        for incident, ledger in zip(incidents, ledgers, strict=True)
        if ledger.clock.stopped_at is not None
    ]


def line(name: str, pairs: Sequence[tuple[bool, bool]], seconds: float | None) -> str:
    """One line of the table."""
    kept = sum(ours for ours, _ in pairs) / len(pairs)
    made = sum(theirs for _, theirs in pairs) / len(pairs)
    agreed = sum(ours == theirs for ours, theirs in pairs) / len(pairs)
    broken = [ours for ours, theirs in pairs if not theirs]
    found = sum(not ours for ours in broken) / len(broken) if broken else 0.0
    speed = f" {len(pairs) / seconds:10,.0f}" if seconds else ""
    always = max(made, 1 - made)
    return f"{name:44s} {kept:7.1%} {made:7.1%} {agreed:7.1%} {always:7.1%} {found:7.1%}{speed}"


def choose(incidents: Sequence[Incident], used: Sequence[timedelta]) -> dict[str, int]:
    """For each priority the target that agrees most often with the owner's verdicts."""
    chosen = {}
    for priority in sorted({row.priority for row in incidents}):
        mine = [
            (row.made, time) for row, time in zip(incidents, used, strict=True) if row.priority == priority
        ]
        chosen[priority] = max(
            CANDIDATES,
            key=lambda minutes: sum((time <= timedelta(minutes=minutes)) == made for made, time in mine),
        )
    return chosen


def main() -> None:
    """Read the log and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    given = parser.parse_args().data
    path = given / FILE if (given / FILE).exists() else given / "servicenow_incident_log" / FILE
    incidents, left = read(path)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{len(incidents):,} incidents, {left:,} without an end")
    head = f"{'':44s} {'kept':>7s} {'made':>7s} {'agree':>7s} {'always':>7s} {'found':>7s} {'a second':>10s}"
    print(f"\nThe shipped targets\n{head}")
    for name, version, pauses in settings():
        started = time.perf_counter()
        ledgers = [replay(row, SHIPPED[row.priority[0]], version, pauses=pauses) for row in incidents]
        seconds = time.perf_counter() - started
        print(line(name, judged(incidents, ledgers), seconds))
    half = len(incidents) // 2
    print(f"\nTargets chosen on the older half, judged on the newer\n{head}")
    for name, version, pauses in settings():
        older, newer = incidents[:half], incidents[half:]
        clocks = [replay(row, SHIPPED[row.priority[0]], version, pauses=pauses) for row in older]
        used = [spent(ledger, ledger.clock.stopped_at or older[-1].opened) for ledger in clocks]
        chosen = choose(older, used)
        started = time.perf_counter()
        ledgers = [replay(row, chosen.get(row.priority, 4320), version, pauses=pauses) for row in newer]
        print(line(name, judged(newer, ledgers), time.perf_counter() - started))
        print("   hours: " + ", ".join(f"{key}: {minutes // HOUR}" for key, minutes in chosen.items()))


if __name__ == "__main__":
    main()
