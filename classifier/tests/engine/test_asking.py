"""A wish is told from a fault (C16)."""

from __future__ import annotations

import pytest

from classifier.engine.asking import asks_for_something


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Reserve a fixed IP address",
            "Please add a reservation for the label printer. No hurry.",
        ),
        ("Fixed address", "Please reserve a fixed IP for the plotter on floor 2."),
        ("Please install Power BI Desktop", "I need it for the report at the end of the month."),
        ("Order of a second monitor", "Please order one for me. Approved by the head of purchasing."),
        ("Activate two LAN sockets", "Two colleagues move to room 4.02 on Monday."),
        ("Neuer Kollege", "Bitte einrichten: Konto und Notebook."),
    ],
)
def test_something_is_asked_for(subject: str, body: str) -> None:
    """An installation, an order, an access."""
    assert asks_for_something(subject, body)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("VPN does not connect", "Since the update it fails with error 809. Please help."),
        (
            "Battery of my laptop is swelling",
            "Please order a new one and collect it, it does not close.",
        ),
        ("Outlook", "It crashes and crashes again. Could you install it anew? It stopped working on Monday."),
        ("Monitor flickers", "Please exchange the screen."),
        ("Purchase orders stuck in approval", "Nobody can approve them."),
        ("", ""),
    ],
)
def test_something_does_not_work(subject: str, body: str) -> None:
    """A repair is a fault, whatever is asked for besides."""
    assert not asks_for_something(subject, body)
