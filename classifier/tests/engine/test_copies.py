"""Near copies are found, strangers are not (C29)."""

from __future__ import annotations

from classifier.engine.copies import is_copy, last_of_each
from classifier.tests.engine.test_mining import sample

CAMPAIGN = (
    "Dear team, the badge reader at gate {n} refuses my card since this morning. Please renew the access of "
    "all visitors of building {n} and write to [EMAIL_{n}]. {end}"
)


def test_a_campaign_is_one_text_and_the_last_stands_for_it() -> None:
    """C29: numbers, placeholders and a changed farewell do not make a new observation."""
    ends = ("Thanks, Ann", "Kind regards", "Bob", "Yours sincerely", "")
    copies = [CAMPAIGN.format(n=n, end=ends[n % 5]) for n in range(50)]
    assert last_of_each([*copies, "The printer is out of paper."]) == [49, 50]


def test_texts_about_the_same_thing_are_no_copies() -> None:
    """C29: people who describe one problem in words of their own count each."""
    texts, _ = sample(400)
    assert len(last_of_each(texts)) == 400
    assert last_of_each(
        ["The badge reader is broken.", "My card is refused by the badge reader at gate two."]
    )


def test_short_and_empty_texts() -> None:
    """C29: the same few words are copies; no words are nothing to compare."""
    assert last_of_each(["VPN down", "", "vpn down!", "", "VPN slow"]) == [1, 2, 3, 4]
    assert last_of_each([]) == []


def test_two_texts_are_copies_or_not() -> None:
    """C25: what an evaluation must not show as an example."""
    assert is_copy(CAMPAIGN.format(n=1, end="Ann"), CAMPAIGN.format(n=2, end="Bob"))
    assert not is_copy("The badge reader is broken.", "The printer is out of paper.")
    assert not is_copy("", "")
