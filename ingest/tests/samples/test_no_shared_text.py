"""Samples, starter examples and held-out tickets share no text, or their figures would mean nothing (C28)."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from django.conf import settings

from classifier.services.examples import STARTER_EXAMPLES
from ingest.samples.samples import load_samples

WORDS = 6
"""So many words in a row are a sentence that was copied, not a phrase that people share."""


def shingles(texts: list[str]) -> set[str]:
    """Every run of words in the texts, without case and marks."""
    found = set()
    for text in texts:
        words = re.findall(r"[^\W_]+", text.casefold())
        found |= {" ".join(words[at : at + WORDS]) for at in range(len(words) - WORDS + 1)}
    return found


def starters() -> list[str]:
    rows = yaml.safe_load((STARTER_EXAMPLES / "it_support.yaml").read_text(encoding="utf-8"))
    return [row["text"] for row in rows]


def held_out() -> list[str]:
    path = Path(settings.BASE_DIR) / "bench/heldout/it_support.yaml"
    return [f"{row['subject']}\n{row['body']}" for row in yaml.safe_load(path.read_text(encoding="utf-8"))]


def test_samples_and_starter_examples_share_no_text() -> None:
    """C28: what the engine learns from is not what the demo judges it by."""
    samples = shingles([sample.text for sample in load_samples()])
    assert samples
    assert sorted(samples & shingles(starters())) == []


def test_held_out_tickets_were_written_without_the_others() -> None:
    """C28: their author saw neither set; only messages that machines word alike may meet by chance."""
    known = shingles([*starters(), *(sample.text for sample in load_samples())])
    meeting = {text.split("\n")[0]: shingles([text]) & known for text in held_out()}
    assert sum(bool(shared) for shared in meeting.values()) <= len(meeting) / 10
    for text, shared in zip(held_out(), meeting.values(), strict=True):
        assert len(shared) < len(shingles([text])) / 3


def test_the_held_out_set_is_complete() -> None:
    """Seventy tickets, each with a category of the taxonomy."""
    path = Path(settings.BASE_DIR) / "bench/heldout/it_support.yaml"
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert len(rows) == 70
    assert {row["category"] for row in rows} == {sample.category for sample in load_samples()}
