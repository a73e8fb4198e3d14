"""The runners of one suite share a Redis; what one of them clears, the others keep."""

from __future__ import annotations

from unittest import TestCase, skipUnless

from django.conf import settings
from django.core.cache import cache

from tests.fakes.redis_cache import SharedRedisCache


@skipUnless(settings.REDIS_URL, "Only the services set-up has a Redis.")
class SharedRedisTests(TestCase):
    """Two prefixes in one database."""

    def test_clearing_one_runners_cache_leaves_the_others_alone(self) -> None:
        """O7: the state of a breaker outlives the set-up of somebody else's test."""
        other = SharedRedisCache(settings.REDIS_URL, {"KEY_PREFIX": "another-runner"})
        self.addCleanup(other.clear)
        other.set("breaker", "open")
        cache.set("breaker", "closed")
        cache.clear()
        self.assertEqual((cache.get("breaker"), other.get("breaker")), (None, "open"))
        other.clear()
        self.assertIsNone(other.get("breaker"))
