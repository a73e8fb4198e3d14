"""Benchmark of redaction (C21): what personal data is left in the text, and what else is taken out.

Run: ``OMP_NUM_THREADS=1 python -m bench.privacy DATA_FOLDER [--half tuned|held] [--errors KIND]``. The
sentences are dealt into two halves by their template, and the patterns are written looking at ``tuned``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import platform
import re
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from classifier.engine.redaction import detect, redact

csv.field_size_limit(sys.maxsize)

FILES = ("synth_v2.jsonl", "generated_large.jsonl")
TARGETS = {
    "EMAIL_ADDRESS": 0.99,
    "CREDIT_CARD": 0.99,
    "IBAN_CODE": 0.99,
    "US_SSN": 0.99,
    "IP_ADDRESS": 0.99,
    "PHONE_NUMBER": 0.95,
}
MAX_FALSE = 0.01
MAX_MILLISECONDS = 2.0
TICKET_CHARACTERS = 500
TICKET_SETS = (
    ("it_tickets/train.csv.gz", "Document"),
    ("banking77/train.csv", "text"),
    ("it_assignment_groups/tickets.csv.gz", "Description"),
)
TICKETS = 2000

_TOKEN = re.compile(r"\S+")
_SLOT = re.compile(r"\{\{[^}]{0,60}\}\}")
# Chosen for halves that hold every kind in about equal numbers.
_DEAL = 8
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with the place and kind of its personal data, and the template it was made from."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    template: str

    @property
    def half(self) -> str:
        """``tuned`` or ``held``: all sentences of a template, of either file, fall into the same half."""
        return ("tuned", "held")[zlib.crc32(self.template.encode(), _DEAL) % 2]


@dataclass
class Tally:
    """Values by kind: all, gone from the text, taken out to the last letter; tokens outside of any."""

    values: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    replaced: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def false_share(self) -> float:
        """The share of tokens outside any labelled value that were replaced, 0 to 1."""
        return self.replaced.total() / max(1, self.tokens)


def read_sentences(folder: Path) -> list[Sentence]:
    """Both files; a sentence whose labels do not point at their values is a fault of the data."""
    sentences = []
    for name in FILES:
        for line in (folder / "pii_labelled" / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            spans = tuple((s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"])
            template = _SLOT.sub("{{}}", row["masked"]).casefold()
            sentences.append(Sentence(row["full_text"], spans, template))
    return sentences


def measure(sentences: Sequence[Sentence]) -> Tally:
    """Redact every sentence and compare with its labels."""
    tally = Tally()
    for sentence in sentences:
        text = sentence.text
        found = [span for span in detect(text) if span[2] != "LITERAL"]
        redacted = redact(text).text
        for start, end, kind in sentence.spans:
            value = text[start:end]
            tally.values[kind] += 1
            tally.gone[kind] += value not in redacted
            whole = _covered(text, (start, end), found)
            tally.whole[kind] += whole
            if not whole:
                tally.notes.append((kind, f"{value!r} in {text!r}"))
        _count_false(tally, sentence, found)
    return tally


def _covered(text: str, span: Span, found: Sequence[tuple[int, int, str]]) -> bool:
    """Tell whether every letter and digit of a labelled value was taken out."""
    return all(
        any(start <= place < end for start, end, _ in found)
        for place in range(*span)
        if text[place].isalnum()
    )


def _count_false(tally: Tally, sentence: Sentence, found: Sequence[tuple[int, int, str]]) -> None:
    for match in _TOKEN.finditer(sentence.text):
        if any(_meet(match.span(), (start, end)) for start, end, _ in sentence.spans):
            continue
        tally.tokens += 1
        kind = next((kind for start, end, kind in found if _meet(match.span(), (start, end))), None)
        if kind:
            tally.replaced[kind] += 1
            tally.notes.append((f"false {kind}", f"{match.group()!r} in {sentence.text!r}"))


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def print_tally(title: str, tally: Tally, sentences: int) -> bool:
    """Print one half beside its targets; True where all of them are met."""
    print(f"\n{title}: {sentences} sentences")
    print(f"{'kind':<20}{'values':>8}{'gone':>9}{'whole':>9}{'target':>8}")
    met = True
    for kind, count in tally.values.most_common():
        recall, target = tally.gone[kind] / count, TARGETS.get(kind)
        met = met and (target is None or recall >= target)
        shown = f"{target:.2f}" if target else ""
        print(f"{kind:<20}{count:>8}{recall:>9.4f}{tally.whole[kind] / count:>9.4f}{shown:>8}")
    kinds = ", ".join(f"{kind} {count}" for kind, count in tally.replaced.most_common())
    print(
        f"false redaction: {tally.false_share:.4%} of {tally.tokens} tokens (target 1 %): {kinds or 'none'}"
    )
    return met and tally.false_share <= MAX_FALSE


def read_tickets(path: Path, column: str) -> list[str]:
    """The first texts of a ticket set."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        return [row[column] for row, _ in zip(csv.DictReader(stream), range(TICKETS), strict=False)]


def tickets(folder: Path) -> None:
    """Print how much is taken out of ticket texts, whose personal data nobody has labelled."""
    print(f"\nredactions in {TICKETS} ticket texts each, right or wrong")
    for name, column in TICKET_SETS:
        texts = read_tickets(folder / name, column)
        found = [detect(text) for text in texts]
        kinds = Counter(kind for spans in found for _, _, kind in spans)
        tokens = sum(len(text.split()) for text in texts)
        touched = sum(bool(spans) for spans in found) / len(texts)
        rate = kinds.total() / max(1, tokens)
        counts = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        print(f"{name.split('/')[0]:<22}{touched:>8.2%} of texts, {rate:.3%} of tokens: {counts or 'none'}")


def speed(sentences: Sequence[Sentence]) -> bool:
    """CPU time of tickets of 500 characters put together from the sentences; True where the target is met."""
    joined = "\n".join(sentence.text for sentence in sentences)
    pieces = [joined[at : at + TICKET_CHARACTERS] for at in range(0, len(joined), TICKET_CHARACTERS)]
    microseconds = []
    for piece in pieces:
        started = time.thread_time()
        redact(piece)
        microseconds.append((time.thread_time() - started) * 1e6)
    median, p95 = np.percentile(microseconds, [50, 95])
    print(
        f"\nspeed: {np.mean(microseconds):.0f} µs a ticket of {TICKET_CHARACTERS} characters, "
        f"median {median:.0f}, p95 {p95:.0f} (target {MAX_MILLISECONDS * 1000:.0f})"
    )
    return bool(p95 <= MAX_MILLISECONDS * 1000)


def main() -> int:
    """Print the machine and the figures; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--half", choices=["tuned", "held"], help="only this half of the sentences")
    parser.add_argument("--errors", metavar="KIND", help="list what of this kind was missed ('false NAME')")
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, one thread")
    sentences = read_sentences(chosen.data)
    met = True
    for half in (chosen.half,) if chosen.half else ("tuned", "held"):
        part = [sentence for sentence in sentences if sentence.half == half]
        tally = measure(part)
        met = print_tally(f"half {half}", tally, len(part)) and met
        for kind, note in tally.notes if chosen.errors else ():
            if kind.startswith(chosen.errors):
                print(f"  {kind}: {note}")
    tickets(chosen.data)
    met = speed(sentences) and met
    print(f"\nall targets met: {'yes' if met else 'no'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
