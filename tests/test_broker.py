"""Messages of the file-system broker are never seen half written, and none is lost or doubled."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from queue import Empty
from typing import Any
from unittest import mock, skipUnless

from django.conf import settings
from django.test import SimpleTestCase
from kombu import Connection
from kombu.exceptions import ChannelError

from common.broker import Channel, RedisChannel
from config.celery import app


class BrokerTest(SimpleTestCase):
    """The embedded set-up has web, worker and scheduler at one folder."""

    def setUp(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.place = Path(folder)
        for name in ("messages", "control"):
            (self.place / name).mkdir()

    def channel(self) -> Any:
        """A channel as Celery opens one."""
        messages = str(self.place / "messages")
        options = {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": str(self.place / "control"),
        }
        connection = Connection("filesystem://", transport_options=options)
        self.addCleanup(connection.release)
        return connection.channel()

    def test_the_application_uses_it(self) -> None:
        """The alias is set where Celery is made."""
        self.assertEqual(app.main, "switchyard")
        self.assertIsInstance(self.channel(), Channel)

    def test_a_message_is_not_there_before_it_is_complete(self) -> None:
        """The bug it is for: a worker that looked in between ended."""
        writer, reader = self.channel(), self.channel()
        whole = Path.write_text

        def looked_at_in_between(path: Path, text: str, **options: Any) -> int:
            whole(path, text[: len(text) // 2], **options)
            with self.assertRaises(Empty):
                reader._get("celery")
            return whole(path, text, **options)

        with mock.patch.object(Path, "write_text", looked_at_in_between):
            writer._put("celery", {"body": "x" * 100})
        self.assertEqual(reader._get("celery"), {"body": "x" * 100})

    def test_a_message_that_cannot_be_written_leaves_nothing_behind(self) -> None:
        """A full disk is not made fuller with each try."""
        channel = self.channel()

        def half(path: Path, text: str, **_: Any) -> int:
            path.write_bytes(text.encode()[: len(text) // 2])
            raise OSError("No space left on device")

        with mock.patch.object(Path, "write_text", half), self.assertRaises(ChannelError):
            channel._put("celery", {"body": "x" * 100})
        self.assertEqual(list((self.place / "messages").iterdir()), [])

    def test_messages_come_in_their_order_and_once(self) -> None:
        """One writer, one reader, at the same time."""
        writer, reader = self.channel(), self.channel()
        thread = threading.Thread(target=lambda: [writer._put("celery", {"n": n}) for n in range(200)])
        thread.start()
        seen: list[int] = []
        while len(seen) < 200:
            finished = not thread.is_alive()
            try:
                seen.append(reader._get("celery")["n"])
            except Empty:
                if finished:
                    break
        thread.join()
        self.assertEqual(seen, list(range(200)))

    def test_two_that_start_together_make_one_table(self) -> None:
        """Nobody reads the table of queues while it is empty, and no entry is lost."""
        first, second = self.channel(), self.channel()
        whole = Path.write_text

        def beaten_to_it(path: Path, text: str, **options: Any) -> int:
            written = whole(path, text, **options)
            with mock.patch.object(Path, "write_text", whole):
                second._queue_bind("celery", "other", "", "other")
            return written

        with mock.patch.object(Path, "write_text", beaten_to_it):
            first._queue_bind("celery", "celery", "", "celery")
        self.assertEqual({row.queue for row in first.get_table("celery")}, {"celery", "other"})


@skipUnless(settings.REDIS_URL, "Only the services set-up has a Redis.")
class RedisBrokerTest(SimpleTestCase):
    """Messages through Redis, as Celery sends and takes them."""

    def test_a_channel_keeps_its_client_while_its_connections_are_the_same(self) -> None:
        """P4: making a client for every message took longer than the message; a new pool has a new one."""
        connection = Connection(
            settings.REDIS_URL,
            transport_options={
                "global_keyprefix": settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
            },
        )
        self.addCleanup(connection.release)
        channel: Any = connection.channel()
        self.assertIsInstance(channel, RedisChannel)
        first = channel._create_client()
        self.assertIs(channel._create_client(), first)
        queue = connection.SimpleQueue(f"test-{self.id()}")
        self.addCleanup(queue.queue.delete)
        queue.put({"x": 1})
        message = queue.get(timeout=5)
        self.assertEqual(message.payload, {"x": 1})
        message.ack()
        channel._disconnect_pools()
        self.assertIsNot(channel._create_client(), first)
