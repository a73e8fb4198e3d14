"""Figures in the reader's words."""

from __future__ import annotations

from unittest import TestCase

from django.utils.translation import override

from common.wording import share_words


class ShareTests(TestCase):
    """U4: what is written beside a bar is what was counted."""

    def test_nearly_all_is_not_all(self) -> None:
        """S8: 996 of 1,000 kept promises are four broken ones."""
        shares = {
            0.996: "99.6 %",
            0.99999: "99.9 %",
            0.00001: "0.1 %",
            1.0: "100 %",
            0.0: "0 %",
            0.25: "25 %",
        }
        for value, words in shares.items():
            with self.subTest(value=value), override("en"):
                self.assertEqual(share_words(value), words)

    def test_in_the_readers_language(self) -> None:
        """U9: a comma in German; a dash where nothing was counted."""
        with override("de"):
            self.assertEqual((share_words(0.125), share_words(None)), ("12,5 %", "–"))
