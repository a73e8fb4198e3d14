"""What of a letter says what it is about."""

from __future__ import annotations

import pytest

from common.letters import first_matter_line, letter_matter, shortened

LETTER = """Hello team,

since the update I cannot connect. It says 809.
I work from home.

Kind regards
Amara
Harbour Logistics"""


def test_greeting_and_sign_off_are_left_out() -> None:
    """The first word after a greeting begins a sentence."""
    assert letter_matter(LETTER) == "Since the update I cannot connect. It says 809.\nI work from home."


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("Hello Rita, import it again. Regards, Agent", "Import it again."),
        ("From: A <a@example.org>\nTo: B\nSubject: X\n\nIt hangs.", "It hangs."),
        ("Try again.\n\nOn Monday A wrote:\n> It hangs.", "Try again."),
        ("> It hangs.\n> Really.\n\nTry again.", "Try again."),
        ("Hello,\n\n- one\n- two\n\nViele Grüße\nA", "- one\n- two"),
        ("Hello team,", "Hello team,"),
        ("", ""),
    ],
)
def test_the_matter_of_letters(text: str, matter: str) -> None:
    """Headers, quoted lines and signatures go; a text of a greeting alone stays."""
    assert letter_matter(text) == matter


def test_a_sign_off_is_believed_only_near_the_end() -> None:
    """ "Thanks." in the middle of a long report cuts nothing off."""
    text = "It hangs.\nThanks.\n" + "\n".join(f"Step {number}" for number in range(20))
    assert letter_matter(text).endswith("Step 19")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LETTER, "Since the update I cannot connect. It says 809."),
        ("Hi,\n" + "it hangs when I open the third report. " * 3, "It hangs when I open the third report."),
        ("\n", ""),
    ],
)  # fmt: skip
def test_a_heading_is_the_first_line_of_matter(text: str, line: str) -> None:
    """Of a long line it is the first sentence."""
    assert first_matter_line(text) == line


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Check the clock.", "Check the clock."),
        ("Choose Forgot password. Then wait.", "Choose Forgot password…"),
        ("Check the internet without VPN now", "Check the internet…"),
        ("x" * 40, "x" * 24 + "…"),
    ],
)
def test_a_cut_falls_between_words(text: str, short: str) -> None:
    """A word that is longer than the line is cut all the same."""
    assert shortened(text, 25) == short
    assert len(short) <= 25
