"""Benchmark of the learning loop (C24): do 200 answers of people make a better model, and do wrong ones not?

Run: ``OMP_NUM_THREADS=1 python -m bench.learning DATA_DIR [--start 160] [--draws 1] [--first 0]``.
Every draw is a house of its own in a temporary database: a taxonomy with the eight classes of the IT tickets,
a model of ``--start`` starter examples, tickets opened by the service and answered through the API, nightly
training, and 2,000 tickets nobody touched. The same with the answers shuffled. Last the negative control:
labels that have nothing to do with their texts.
"""
# ruff: noqa: E402  Django has to be set up before anything of it is imported.

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.test_settings")

import django

django.setup()

import numpy as np
from django.core.management import call_command
from rest_framework.test import APIClient

from bench.local_engine import DataSet, cross_validate, it_tickets, read_rows
from classifier.choices import ExampleSource
from classifier.engine.linear import FieldModel
from classifier.engine.metrics import coverage_at_precision, macro_f1
from classifier.engine.paired import Labelled, compare_answers, held_out_answers
from classifier.models import LabelledExample
from classifier.services.examples import hash_of
from classifier.services.local_models import field_model, local_engine
from classifier.services.promotion import model_rollback
from classifier.services.training import models_train
from common.actors import system_actor
from teams.choices import Scope
from teams.models import Client
from teams.services.keys import api_key_issue
from ticketing.choices import TriageIntent
from ticketing.models import Category, Taxonomy
from ticketing.services.defaults import client_settings_ensure
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import NewTicket, ticket_open

UNTOUCHED = 2_000


@dataclass(frozen=True, slots=True)
class Draw:
    """Texts with their true labels: for the first model, to be answered by people, never touched."""

    start: list[tuple[str, str]]
    answered: list[tuple[str, str]]
    untouched: list[tuple[str, str]]


def draw(data: DataSet, seed: int, start: int, answers: int) -> Draw:
    """Three parts that share no text."""
    pairs = list(
        {hash_of(text): (text, label) for text, label in zip(data.texts, data.labels, strict=True)}.values()
    )
    order = np.random.default_rng(seed).permutation(len(pairs))
    rows = [pairs[i] for i in order[: start + answers + UNTOUCHED]]
    return Draw(rows[:start], rows[start : start + answers], rows[start + answers :])


def house(name: str, rows: list[tuple[str, str]], labels: list[str]) -> tuple[Taxonomy, Client]:
    """A client whose taxonomy has all labels and was taught the starter examples."""
    taxonomy = Taxonomy.objects.create(slug=name, name=name)
    for label in labels:
        Category.objects.create(taxonomy=taxonomy, slug=label.lower().replace(" ", "_"), name=label)
    names = {row.name: row for row in taxonomy.categories.all()}
    LabelledExample.objects.bulk_create(
        LabelledExample(
            taxonomy=taxonomy,
            text=text,
            text_hash=hash_of(text),
            category=names[label],
            source=ExampleSource.STARTER,
        )
        for text, label in rows
    )
    client = Client.objects.create(slug=name, name=name)
    client_settings_ensure(client=client, taxonomy_slug=name)
    models_train(taxonomy=taxonomy)
    return taxonomy, client


def answer(client: Client, rows: list[tuple[str, str]]) -> None:
    """Open each ticket and send its right category to ``POST /api/v1/tickets/{ref}/confirm``."""
    actor = system_actor("Bench")
    issued = api_key_issue(client=client, name="desk", scopes=[Scope.TICKETS_WRITE], actor=actor)
    api = APIClient(SERVER_NAME="localhost")
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
    person = requester_resolve(client=client, identity=RequesterIdentity(external_id="bench"))
    for text, label in rows:
        new = NewTicket(client=client, requester=person, subject="", body=text, intent=TriageIntent.NONE)
        ticket = ticket_open(new=new, actor=actor)
        slug = label.lower().replace(" ", "_")
        done = api.post(f"/api/v1/tickets/{ticket.reference}/confirm", {"category": slug}, format="json")
        if done.status_code != 200:
            raise SystemExit(f"The API refused an answer: {done.content!r}")


def answers_of(taxonomy: Taxonomy, rows: list[tuple[str, str]]) -> list[str]:
    """What the model in use says."""
    engine = local_engine(taxonomy_id=taxonomy.pk)
    if engine is None:
        raise SystemExit("There is no model in use.")
    return [found.value for found in engine.models["category"].predict([text for text, _ in rows])]


def arm(name: str, parts: Draw, labels: list[str], known: list[str]) -> None:
    """One house from the first model to the roll-back; prints what happened."""
    started = time.perf_counter()
    taxonomy, client = house(name, parts.start, known)
    truth = [label.lower().replace(" ", "_") for _, label in parts.untouched]
    before = answers_of(taxonomy, parts.untouched)
    guesses = answers_of(taxonomy, parts.answered)
    given = [(text, label) for (text, _), label in zip(parts.answered, labels, strict=True)]
    answer(client, given)
    changed = sum(g != label.lower().replace(" ", "_") for g, label in zip(guesses, labels, strict=True))
    (model,) = models_train(taxonomy=taxonomy)
    after = answers_of(taxonomy, parts.untouched)
    test = compare_answers(truth, after, before)
    print(f"{name}: {len(given)} answers, {changed} of them other than what the model had said")
    print(f"  decision              {model.evidence['decision']}: {model.evidence['reason']}")
    print(
        f"  2,000 untouched       {test.old_right / test.judged:.4f} -> {test.new_right / test.judged:.4f} "
        f"({(test.new_right - test.old_right) / test.judged * 100:+.1f} points, "
        f"McNemar p = {test.p_two_sided:.2g})"
    )
    if model.state == "active":
        model_rollback(model=model, actor=system_actor("Bench"), reason="To show that it can be.")
        same = answers_of(taxonomy, parts.untouched) == before
        print(f"  rolled back           answers as before: {'yes' if same else 'NO'}")
    else:
        shadow = field_model(row=model)
        said = [found.value for found in shadow.predict([t for t, _ in parts.untouched])] if shadow else []
        worth = sum(a == b for a, b in zip(truth, said, strict=True)) / len(truth)
        print(f"  state                 {model.state}; promoted it would have reached {worth:.4f}")
    print(f"  macro F1 before       {macro_f1(truth, before):.4f}, after {macro_f1(truth, after):.4f}")
    print(f"  seconds               {time.perf_counter() - started:.0f}", flush=True)


def control(folder: Path) -> None:
    """Ticket types that were dealt at random: an honest classifier is at chance and sure of nothing."""
    rows = read_rows(folder / "customer_support_tickets" / "tickets.csv.gz")
    texts = [f"{row['Ticket Subject']}\n\n{row['Ticket Description']}" for row in rows]
    data = DataSet("negative control", texts, [row["Ticket Type"] for row in rows], 0.2, 0.0)
    right, confidence = cross_validate(data, 5)
    print(f"Negative control: {len(texts)} texts, {len(set(data.labels))} random labels, 5-fold")
    print(f"  accuracy              {np.mean(right):.4f}   (chance 0.20)")
    print(
        f"  coverage at 0.90      {coverage_at_precision(confidence, right, 0.90):.4f}   (nothing to find)",
        flush=True,
    )


def false_promotions(folder: Path, start: int, answers: int, draws: int) -> None:
    """How often a model that cannot be better is promoted: both sides learn labels dealt at random."""
    rows = read_rows(folder / "customer_support_tickets" / "tickets.csv.gz")
    cases = [
        Labelled(
            row["Ticket ID"], f"{row['Ticket Subject']}\n\n{row['Ticket Description']}", row["Ticket Type"]
        )
        for row in rows
    ]
    promoted = 0
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(cases))[: start + answers]
        taught = [cases[i] for i in order]
        first = FieldModel.train([c.text for c in taught[:start]], [c.label for c in taught[:start]])
        judged, new = held_out_answers(taught, taught[start:])
        old = [found.value for found in first.predict([case.text for case in judged])]
        promoted += compare_answers([case.label for case in judged], new, old).shows_better(0.05)
    print(f"Promoted though nothing can be learned: {promoted} of {draws} draws (0.05 allows 5 %)")


def main() -> None:
    """Read the arguments, print the machine and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--start", type=int, default=160)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="Number of the first draw.")
    parser.add_argument("--no-control", action="store_true")
    parser.add_argument("--null", type=int, default=0, help="Draws of random labels to promote on.")
    chosen = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    call_command("migrate", verbosity=0)
    data = it_tickets(chosen.data)
    known = sorted(set(data.labels))
    for seed in range(chosen.first, chosen.first + chosen.draws):
        parts = draw(data, seed, chosen.start, chosen.answers)
        labels = [label for _, label in parts.answered]
        arm(f"true-{chosen.start}-{seed}", parts, labels, known)
        mixed = np.random.default_rng(1_000 + seed).permutation(labels).tolist()
        arm(f"shuffled-{chosen.start}-{seed}", parts, mixed, known)
    if chosen.null:
        false_promotions(chosen.data, chosen.start, chosen.answers, chosen.null)
    if not chosen.no_control:
        control(chosen.data)


if __name__ == "__main__":
    main()
