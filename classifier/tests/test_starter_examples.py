"""The shipped starter examples: enough of each category, varied, well labelled, no copies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TypedDict

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE_FILES = sorted((ROOT / "classifier" / "defaults" / "examples").glob("*.yaml"))
TAXONOMY_FOLDER = ROOT / "ticketing" / "defaults" / "taxonomies"
SEVERITIES = {"critical", "high", "medium", "low"}
MINIMUM_PER_CATEGORY = {"it_support": 60}
DEFAULT_MINIMUM_PER_CATEGORY = 40
# The share of examples in one category that may begin with the same word; without it a model
# learns openings such as "My" or "The" instead of the matter.
LARGEST_SHARE_OF_ONE_OPENING = 0.25


class Example(TypedDict):
    """One labelled text as written in the file."""

    category: str
    severity: str
    text: str


def _examples(path: Path) -> list[Example]:
    loaded: list[Example] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _categories(taxonomy: str) -> list[str]:
    loaded = yaml.safe_load((TAXONOMY_FOLDER / f"{taxonomy}.yaml").read_text(encoding="utf-8"))
    return [category["slug"] for category in loaded["categories"]]


def _normalised(text: str) -> str:
    return " ".join(text.casefold().split())


def _first_word(text: str) -> str:
    return _normalised(text).split(" ", 1)[0]


def _by_category(path: Path) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for example in _examples(path):
        texts.setdefault(example["category"], []).append(example["text"])
    return texts


def test_the_default_taxonomy_has_starter_examples() -> None:
    """C7: a fresh install has examples to train the default taxonomy from."""
    assert "it_support" in [path.stem for path in EXAMPLE_FILES]


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.stem)
class TestStarterExamples:
    """Each shipped file, one taxonomy a file."""

    def test_every_example_has_exactly_its_three_fields(self, path: Path) -> None:
        """C7: the loader meets no surprise in a file."""
        for example in _examples(path):
            assert set(example) == {"category", "severity", "text"}, example
            assert all(isinstance(value, str) and value.strip() for value in example.values()), example

    def test_every_category_of_the_taxonomy_has_enough_examples(self, path: Path) -> None:
        """C7, T3: no category of the taxonomy is left thin, and none is unknown to it."""
        counts = Counter(example["category"] for example in _examples(path))
        minimum = MINIMUM_PER_CATEGORY.get(path.stem, DEFAULT_MINIMUM_PER_CATEGORY)
        assert set(counts) == set(_categories(path.stem))
        assert {slug: count for slug, count in counts.items() if count < minimum} == {}

    def test_every_severity_is_known_and_used(self, path: Path) -> None:
        """T1, C15: severities are the four of the house, and each can be learned."""
        assert {example["severity"] for example in _examples(path)} == SEVERITIES

    def test_no_text_appears_twice(self, path: Path) -> None:
        """C7: a copy would count one wording twice and leak between folds."""
        counts = Counter(_normalised(example["text"]) for example in _examples(path))
        assert [text for text, count in counts.items() if count > 1] == []

    def test_openings_differ(self, path: Path) -> None:
        """C7: examples of a category begin in many ways, none of them dominant."""
        for category, texts in _by_category(path).items():
            openings = Counter(_first_word(text) for text in texts)
            word, count = openings.most_common(1)[0]
            assert len(openings) >= 20, category
            assert count <= LARGEST_SHARE_OF_ONE_OPENING * len(texts), (category, word)

    def test_lengths_differ(self, path: Path) -> None:
        """C7: each category holds one-liners and texts as long as a real mail."""
        for category, texts in _by_category(path).items():
            lengths = [len(text.split()) for text in texts]
            assert min(lengths) <= 8, category
            assert max(lengths) >= 40, category


def test_no_text_is_shared_between_taxonomies() -> None:
    """C7, T3: each taxonomy is written for itself."""
    counts = Counter(
        text for path in EXAMPLE_FILES for text in {_normalised(item["text"]) for item in _examples(path)}
    )
    assert [text for text, count in counts.items() if count > 1] == []
