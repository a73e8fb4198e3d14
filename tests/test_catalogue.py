"""The German catalogue: complete, compiled, and of the words the code really has."""

from __future__ import annotations

import ast
import gettext
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.test import SimpleTestCase
from django.utils import translation

pytestmark = pytest.mark.once

CATALOGUE = Path("locale/de/LC_MESSAGES")
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}|<[^>]+>")
_LINE = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr)(?:\[(\d)\])? )?(".*")$')
_PARTS = ("common", "teams", "ticketing", "classifier", "sla", "ingest", "config", "templates")


@dataclass
class Entry:
    """One message of a catalogue; ``said`` holds the translation, or one for each number."""

    context: str = ""
    key: str = ""
    plural: str = ""
    said: list[str] = field(default_factory=list)


def entries(path: Path) -> list[Entry]:
    """The messages of a .po file without its head."""
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry, where = Entry(), ""
        for line in block.splitlines():
            match = _LINE.match(line)
            if match is None:
                continue
            where, text = match[1] or where, ast.literal_eval(match[3])
            if where == "msgstr" and match[1]:
                entry.said.append(text)
            elif where == "msgstr":
                entry.said[-1] += text
            else:
                name = {"msgctxt": "context", "msgid": "key", "msgid_plural": "plural"}[where]
                setattr(entry, name, getattr(entry, name) + text)
        if entry.key:
            found.append(entry)
    return found


class CatalogueTest(SimpleTestCase):
    """German is whole, or a page would mix two languages."""

    def setUp(self) -> None:
        self.folder = settings.BASE_DIR / CATALOGUE
        self.entries = entries(self.folder / "django.po")

    def test_every_message_has_its_german_words_and_places(self) -> None:
        """No empty and no guessed translation; a lost place would break the page that fills it."""
        self.assertGreater(len(self.entries), 1500)
        self.assertNotIn("fuzzy", (self.folder / "django.po").read_text(encoding="utf-8"))
        for entry in self.entries:
            with self.subTest(entry.key):
                self.assertEqual(len(entry.said), 2 if entry.plural else 1)
                for said, meant in zip(entry.said, (entry.key, entry.plural), strict=False):
                    self.assertTrue(said.strip())
                    self.assertEqual(
                        sorted(_PLACEHOLDER.findall(said)), sorted(_PLACEHOLDER.findall(meant or entry.key))
                    )

    def test_the_compiled_file_is_that_of_the_text(self) -> None:
        """A fresh machine has no msgfmt, so the compiled file is kept beside the text."""
        with (self.folder / "django.mo").open("rb") as file:
            compiled = gettext.GNUTranslations(file)
        for entry in self.entries:
            with self.subTest(entry.key):
                if entry.plural:
                    said = [compiled.ngettext(entry.key, entry.plural, number) for number in (1, 2)]
                elif entry.context:
                    said = [compiled.pgettext(entry.context, entry.key)]
                else:
                    said = [compiled.gettext(entry.key)]
                self.assertEqual(said, entry.said)

    def test_every_word_of_the_code_is_in_it(self) -> None:
        """What makemessages finds in code and templates, and nothing else."""
        if not shutil.which("xgettext"):
            self.skipTest("needs GNU gettext")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "locale").mkdir()
            for part in _PARTS:
                (Path(folder) / part).symlink_to(settings.BASE_DIR / part)
            subprocess.run(
                [sys.executable, "-m", "django", "makemessages", "-l", "de", "--symlinks", "-i", "tests"],
                cwd=folder,
                env={key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
                check=True,
                capture_output=True,
            )
            found = entries(Path(folder) / CATALOGUE / "django.po")
        known = {(entry.context, entry.key) for entry in self.entries}
        self.assertEqual({(entry.context, entry.key) for entry in found} ^ known, set())

    def test_models_and_fields_have_german_names(self) -> None:
        """The back office calls every model and field by its name."""
        house = {"teams", "ticketing", "classifier", "sla", "ingest"}
        known = {entry.key for entry in self.entries}
        with translation.override("de"):
            named = [
                part.verbose_name
                for model in apps.get_models()
                if model._meta.app_label in house and not model.__name__.startswith("Historical")
                for part in (model._meta, *model._meta.get_fields())
                if hasattr(part, "verbose_name")
            ]
            german = [str(name) for name in named]
        with translation.override(None):
            untold = {str(name) for name, said in zip(named, german, strict=True) if str(name) == said}
        self.assertEqual(untold - known, set())
