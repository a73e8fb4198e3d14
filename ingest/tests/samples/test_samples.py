"""The labels, the balance and the texts of the sample set."""

import re
from collections import Counter
from itertools import combinations

import pytest

from ingest.samples.model import CATEGORIES, FILE_TYPES, SEVERITIES, Sample
from ingest.samples.samples import load_samples

SHARES = {"critical": 8, "high": 27, "medium": 45, "low": 20}


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return load_samples()


def _trigrams(sample: Sample) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", f"{sample.subject} {sample.body}".lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def test_it_holds_twenty_of_every_category_and_file_type(samples: list[Sample]):
    """C28: 140 tickets, 20 a category, 20 a file type, two or three of every pair."""
    assert [sample.id for sample in samples] == list(range(1, 141))
    assert Counter(s.category for s in samples) == dict.fromkeys(CATEGORIES, 20)
    assert Counter(s.file_type for s in samples) == dict.fromkeys(FILE_TYPES, 20)
    pairs = Counter((s.category, s.file_type) for s in samples)
    assert len(pairs) == 49
    assert set(pairs.values()) == {2, 3}


def test_severities_are_spread_as_on_a_real_desk(samples: list[Sample]):
    """C28: the shares of the severities, and no category without its urgent and its idle tickets."""
    counts = Counter(s.severity for s in samples)
    for severity, percent in SHARES.items():
        assert counts[severity] / len(samples) * 100 == pytest.approx(percent, abs=1)
    assert len({(s.category, s.severity) for s in samples}) == len(CATEGORIES) * len(SEVERITIES)


def test_about_one_ticket_in_ten_is_tricky(samples: list[Sample]):
    """C28: most tickets are plain to a human reader, every category has a borderline case or two."""
    tricky = Counter(s.category for s in samples if s.tricky)
    assert set(tricky) == set(CATEGORIES)
    assert 10 <= tricky.total() <= 18


def test_texts_have_the_length_of_real_tickets(samples: list[Sample]):
    """C28: 40 to 200 words each, with enough difference between short and long ones."""
    lengths = {s.id: len(s.text.split()) for s in samples}
    assert {number: words for number, words in lengths.items() if not 40 <= words <= 200} == {}
    assert max(lengths.values()) > 1.8 * min(lengths.values())


def test_no_two_texts_are_alike(samples: list[Sample]):
    """C28: subjects are unique and no pair of tickets shares more than a few phrases."""
    assert len({s.subject.lower() for s in samples}) == len(samples)
    assert len({s.slug for s in samples}) == len(samples)
    grams = {s.id: _trigrams(s) for s in samples}
    alike = [
        (one, two)
        for one, two in combinations(grams, 2)
        if len(grams[one] & grams[two]) > 0.12 * min(len(grams[one]), len(grams[two]))
    ]
    assert alike == []


def test_requesters_are_invented_people_on_reserved_domains(samples: list[Sample]):
    """C28: about 25 people write; nobody's real address can be among them."""
    people = {s.requester.email: s.requester for s in samples}
    assert 20 <= len(people) <= 30
    assert all(email.endswith(("@example.com", "@example.org")) for email in people)
    assert max(Counter(s.requester.email for s in samples).values()) <= 10


def test_addresses_in_texts_belong_to_nobody(samples: list[Sample]):
    """C28: mail addresses and links in the texts use names reserved for examples."""
    reserved = re.compile(r"(?:^|[.@])example(?:\.(?:com|org|net))?$")
    for sample in samples:
        everything = " ".join([sample.text, *sample.fields.values()])
        for host in re.findall(r"(?:@|https?://)([\w.-]+\w)", everything):
            assert reserved.search(host), (sample.id, host)
