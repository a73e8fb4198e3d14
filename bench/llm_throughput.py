"""Benchmark P4: tickets a minute through one worker process while a language model takes seconds to answer.

Run, with a PostgreSQL database made for it and a Redis database nobody else uses::

    DATABASE_URL=postgres://…/bench REDIS_URL=redis://127.0.0.1:6379/9 python -m bench.llm_throughput

The server is ours and answers every call correctly after ``--seconds``; every ticket is asked about. The
tickets are owed first, then ``--processes`` Celery workers of ``--threads`` threads start. Throughput counts
from the first claim to the last result; latency is from claim to result of one ticket, at full load.
"""
# ruff: noqa: E402  The variables and Django have to be there before anything of it is imported.

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import sys
import time
from typing import Any

os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings", "LLM_PROVIDER": "compatible", "LLM_MODEL": "slow",
    "OPENAI_API_KEY": "bench", "LLM_CACHE_SECONDS": "0", "OPENAI_BASE_URL": "http://127.0.0.1:9",
    "ENABLE_RESPONSE_GENERATION": "0", "LOG_LEVEL": "ERROR",
}  # fmt: skip
os.environ.setdefault("SECRET_KEY", "bench")

import django

django.setup()

import numpy as np
from django.core.management import call_command
from django.utils import timezone

from classifier.models import LlmCall, WorkflowRun, WorkflowStep
from classifier.services.examples import starter_examples_load
from classifier.services.runs import due_runs, run_request
from classifier.services.training import models_train
from classifier.tasks import triage
from common.actors import system_actor
from teams.models import Client
from tests.fakes.llm_server import FakeLlmServer, sample_answer
from ticketing.choices import TriageIntent
from ticketing.models import Taxonomy
from ticketing.services.defaults import client_settings_ensure
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_open

SYLLABLES = ("bal", "dor", "kem", "lin", "mot", "nar", "pes", "rul", "sev", "tam", "vek", "zor")
TARGET_PER_MINUTE, TARGET_P95_SECONDS = 1_500, 10.0


def text_of(number: int) -> str:
    """A text no engine can be sure of and that is like no other: words nobody knows."""
    dice = random.Random(number)
    words = ["".join(dice.choices(SYLLABLES, k=3)) for _ in range(12)]
    return f"The {' '.join(words[:6])} is odd since the {' '.join(words[6:])}."


def prepare(tickets: int) -> None:
    """Tables, reference data, a trained model, and so many tickets that owe a triage."""
    call_command("migrate", verbosity=0)
    call_command("load_defaults", verbosity=0)
    client, _ = Client.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    client_settings_ensure(client=client, taxonomy_slug="it_support")
    taxonomy = Taxonomy.objects.get(slug="it_support")
    starter_examples_load(taxonomy=taxonomy)
    models_train(taxonomy=taxonomy)
    for number in range(tickets):
        person = requester_resolve(client=client, identity=RequesterIdentity(external_id=f"u-{number % 500}"))
        new = NewTicket(
            client=client, requester=person, subject="", body=text_of(number), intent=TriageIntent.NONE
        )
        run_request(ticket=ticket_open(new=new, actor=system_actor()))


def slow_server(seconds: float) -> FakeLlmServer:
    """A correct server that thinks for a while."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        time.sleep(seconds)
        return sample_answer(body)

    return FakeLlmServer(answer)


def measure(threads: int, processes: int, url: str) -> None:
    """Start the workers, hand them every owed run, wait, and print the figures."""
    owed = due_runs(now=timezone.now(), limit=100_000)
    for run_id in owed:
        triage.delay(run_id)
    environment = {**os.environ, "OPENAI_BASE_URL": f"{url}/v1"}
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-P", "threads", "-c", str(threads)]
    command += ["--without-mingle", "--without-gossip", "--loglevel", "ERROR"]
    workers = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(processes)
    ]
    peak, cpu = 0, 0.0
    try:
        rows = WorkflowRun.objects.filter(pk__in=owed)
        while rows.exclude(state="completed").exists() and all(w.poll() is None for w in workers):
            time.sleep(0.5)
            peak = max(peak, *(resident_mib(worker.pid) for worker in workers))
            cpu = sum(cpu_seconds(worker.pid) for worker in workers)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=60)
    done = list(rows.filter(state="completed"))
    report(done, peak, threads, processes)
    print(f"workers: {cpu / max(1, len(done)):.3f} s of CPU time a ticket, their start included")


def resident_mib(pid: int) -> int:
    """Memory of a process, in MiB."""
    with open(f"/proc/{pid}/statm") as stat:
        return int(stat.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used so far, all its threads together; the figure a busy machine bends least."""
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def report(runs: list[Any], peak: int, threads: int, processes: int) -> None:
    """Print throughput, latency and memory."""
    started, ended = min(r.started_at for r in runs), max(r.finished_at for r in runs)
    minutes = (ended - started).total_seconds() / 60
    latency = np.array([(r.finished_at - r.started_at).total_seconds() for r in runs])
    asked = WorkflowStep.objects.filter(run__in=runs, name="classify_llm")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" {processes} process{'es' if processes > 1 else ''} of {threads} threads"
    )
    print(f"{len(runs)} tickets, {asked.filter(status='completed').count()} answered by the model")
    print(f"{len(runs) / minutes:,.0f} tickets a minute (target {TARGET_PER_MINUTE:,})")
    p50, p95 = np.percentile(latency, [50, 95])
    print(f"from claim to result: median {p50:.2f} s, p95 {p95:.2f} s (target {TARGET_P95_SECONDS:.0f} s)")
    print(f"worker process: {peak} MiB at most; {LlmCall.objects.count()} calls in the ledger")


def main() -> None:
    """Read the arguments, prepare, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=100, help="Of each process.")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    chosen = parser.parse_args()
    prepare(chosen.tickets)
    with slow_server(chosen.seconds) as server:
        measure(chosen.threads, chosen.processes, server.url)


if __name__ == "__main__":
    main()
