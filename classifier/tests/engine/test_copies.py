"""Near copies are found, strangers are not (C29)."""

from __future__ import annotations

from classifier.engine.copies import last_of_each
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
