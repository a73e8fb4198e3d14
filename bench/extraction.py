"""Benchmark P13: precision, recall and F1 of each extracted field on a labelled set of our own.

Run: ``python -m bench.extraction [labelled.yaml]``. A value counts where name and text agree exactly;
every span is checked against the text as well.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from classifier.engine.extraction import FIELD_NAMES, Extractor

DEFAULT_SET = Path(__file__).parent / "labelled" / "extraction.yaml"
TARGET_F1 = 0.80


@dataclass
class Tally:
    """Right, wrong and missed values by field, the wrong ones quoted."""

    right: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def f1(self, name: str) -> float:
        """Return F1 of a field; 1.0 where it neither occurs nor is found."""
        wrong = self.extra[name] + self.missed[name]
        return 2 * self.right[name] / (2 * self.right[name] + wrong) if self.right[name] or wrong else 1.0


def measure(entries: list[dict[str, Any]]) -> Tally:
    """Extract every text and compare with its labels."""
    tally, extractor = Tally(), Extractor()
    for entry in entries:
        text = entry["text"]
        found = extractor.extract(text).fields
        if any(text[item.start : item.end] != item.value for item in found):
            raise SystemExit(f"A span does not reproduce its value: {text}")
        got = Counter((item.name, item.value) for item in found)
        wanted = Counter((name, str(value)) for name, values in entry["fields"].items() for value in values)
        for counter, values in (
            (tally.right, got & wanted),
            (tally.extra, got - wanted),
            (tally.missed, wanted - got),
        ):
            for (name, _), count in values.items():
                counter[name] += count
        tally.notes += [f"extra  {name}: {value!r} in {text!r}" for name, value in got - wanted]
        tally.notes += [f"missed {name}: {value!r} in {text!r}" for name, value in wanted - got]
    return tally


def main() -> int:
    """Print the table and return 1 where a field stays below the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", nargs="?", type=Path, default=DEFAULT_SET)
    parser.add_argument("--errors", action="store_true", help="list every wrong or missed value")
    arguments = parser.parse_args()
    entries = yaml.safe_load(arguments.labelled.read_text(encoding="utf-8"))
    started = time.perf_counter()
    tally = measure(entries)
    elapsed = time.perf_counter() - started
    print(f"P13 extraction: {len(entries)} texts, {1000 * elapsed / len(entries):.2f} ms a text")
    print(f"machine: {platform.machine()}, Python {platform.python_version()}")
    print(f"{'field':<20}{'right':>7}{'extra':>7}{'missed':>8}{'F1':>8}")
    for name in FIELD_NAMES:
        row = f"{tally.right[name]:>7}{tally.extra[name]:>7}{tally.missed[name]:>8}{tally.f1(name):>8.3f}"
        print(f"{name:<20}{row}")
    if arguments.errors:
        print("\n".join(tally.notes))
    below = [name for name in FIELD_NAMES if tally.f1(name) < TARGET_F1]
    print(f"below {TARGET_F1:.2f}: {', '.join(below) or 'none'}; every span reproduces its value")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
