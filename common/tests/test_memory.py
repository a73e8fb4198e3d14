"""Values are kept for seconds, and not at all where the setting says so."""

from __future__ import annotations

from unittest import mock

from django.test import SimpleTestCase, override_settings

from common.memory import Newest, ShortMemory


class ShortMemoryTests(SimpleTestCase):
    """P4: reference data is read once in a while, not once a ticket."""

    def setUp(self) -> None:
        self.memory: ShortMemory[int] = ShortMemory(size=2)
        self.made = 0

    def make(self) -> int:
        """Counts how often it was asked."""
        self.made += 1
        return self.made

    @override_settings(CONFIGURATION_CACHE_SECONDS=60)
    def test_a_value_is_made_once_a_key(self) -> None:
        """Another key has another value."""
        self.assertEqual([self.memory.get(key, self.make) for key in ("a", "a", "b", "a")], [1, 1, 2, 1])

    @override_settings(CONFIGURATION_CACHE_SECONDS=60)
    def test_an_old_value_is_made_anew(self) -> None:
        """A change takes effect once the time is over."""
        self.memory.get("a", self.make)
        with mock.patch("common.memory.time.monotonic", return_value=1e12):
            self.assertEqual(self.memory.get("a", self.make), 2)

    @override_settings(CONFIGURATION_CACHE_SECONDS=0)
    def test_nothing_is_kept_when_switched_off(self) -> None:
        """Every call sees what is stored now."""
        self.assertEqual([self.memory.get("a", self.make) for _ in range(3)], [1, 2, 3])

    @override_settings(CONFIGURATION_CACHE_SECONDS=60)
    def test_memory_is_bounded(self) -> None:
        """The oldest value goes."""
        for key in ("a", "b", "c"):
            self.memory.get(key, self.make)
        self.assertEqual(self.memory.get("a", self.make), 4)


class NewestTests(SimpleTestCase):
    """P4: what follows from its key is computed once while it is asked for."""

    def test_what_was_not_asked_for_the_longest_is_forgotten(self) -> None:
        """Asking keeps a value; a third one takes the place of the one nobody asked for."""
        newest: Newest[int] = Newest(2)
        newest.keep("a", 1)
        newest.keep("b", 2)
        newest.get("a")
        self.assertEqual(newest.keep("c", 3), 3)
        self.assertEqual([newest.get(key) for key in ("a", "b", "c")], [1, None, 3])
