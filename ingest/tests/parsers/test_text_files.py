"""TXT and LOG: lines with positions, encodings, cleaning, signals (I1)."""

from __future__ import annotations

import codecs

import pytest

from ingest.parsers.limits import ParseLimits
from ingest.parsers.result import ParseError
from ingest.tests.parsers.support import read, spans

TRACE = """2026-03-02 10:00:01 INFO started
2026-03-02 10:00:02 ERROR request failed
Traceback (most recent call last):
  File "/srv/app/views.py", line {line}, in get
    return load(key)
  File "/srv/app/store.py", line 7, in load
    raise KeyError(key)
KeyError: 'vpn'
ORA-01017: invalid username or password
"""


def test_lines_keep_their_number_and_place() -> None:
    """I1: positions point into the cleaned text; blank lines count but make no segment."""
    parsed = read(b"first\r\n\r\n  third\x07 line\r\n", "a.txt")
    assert parsed.text == "first\n\n  third line"
    assert spans(parsed) == [("first", "line", 1), ("  third line", "line", 3)]
    assert parsed.title == "first"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln, der Drucker zeigt Störung 79.", "utf-8"),
        ("Grüße aus Köln, der Drucker zeigt Störung 79.", "utf-8-sig"),
        ("Grüße aus Köln, der Drucker zeigt Störung 79.", "utf-16"),
        ("Grüße aus Köln, der Drucker zeigt Störung 79.", "utf-16-le"),
        ("Printer broken, please help me today", "utf-32-be"),
        ("Störung", "cp1252"),
        ("très urgent", "latin-1"),
        ("Skriveren på kontoret virker ikke, hilsen Bjørn", "latin-1"),
        ("Rechnung über 100 €, “bitte” prüfen", "cp1252"),
        ("ERROR naïve café\n" * 20, "cp1252"),
        ("Yazıcı çalışmıyor, lütfen yardım edin. Şifremi değiştirdim.", "cp1254"),
        ("Здравствуйте, не работает принтер на втором этаже, помогите.", "cp1251"),
        ("Здравствуйте, не работает принтер на втором этаже, помогите.", "koi8-r"),
        ("プリンターが動作しません。確認をお願いします。", "shift_jis"),
        ("打印机无法工作,请帮忙检查一下,错误代码是七十九。", "gb18030"),
    ],
)
def test_it_finds_the_encoding(text: str, encoding: str) -> None:
    """I1: encodings are detected; a weak guess of a Western text is Windows-1252, not a rarity."""
    assert read(text.encode(encoding), "a.txt").text == text.strip()


def test_a_guess_is_said_to_be_one() -> None:
    """I1: the reader is warned."""
    assert "guessed_encoding" in read("Störung".encode("cp1252"), "a.txt").warnings
    assert read("Störung".encode(), "a.txt").warnings == []


def test_damaged_utf8_stays_utf8() -> None:
    """I1: one broken byte does not turn a text into mojibake."""
    data = "Müller öffnet die Tür für Jörg, grüßt schön".encode() + b" \xff end"
    parsed = read(data, "a.txt")
    assert parsed.text.startswith("Müller öffnet")
    assert "undecodable_bytes" in parsed.warnings


def test_invisible_characters_go() -> None:
    """C11: what a person cannot see must not speak to a model."""
    parsed = read("pay\u202eload \U000e0041\U000e0042 \u200bhere \x1b[31mred\x1b[0m".encode(), "a.txt")
    assert parsed.text == "payload  here red"
    assert "invisible_characters" in parsed.warnings


def test_a_long_text_is_cut_and_says_so() -> None:
    """I1: bounded output."""
    parsed = read(b"x" * 50, "a.txt", ParseLimits(characters_out=10))
    assert (parsed.text, parsed.truncated) == ("x" * 10, True)


def test_a_log_gives_levels_codes_and_a_stable_signature() -> None:
    """I1: the signature survives other line numbers; codes and levels become features."""
    first, second = (read(TRACE.format(line=line).encode(), "a.log") for line in (10, 99))
    assert first.features.levels == {"INFO": 1, "ERROR": 1}
    assert first.features.exceptions == ["KeyError"]
    assert "ORA-01017" in first.features.error_codes
    assert first.features.stack_signature == second.features.stack_signature
    assert first.features.stack_frames == ["views.py:get", "store.py:load"]
    other = TRACE.replace("store.py", "cache.py").format(line=10)
    assert read(other.encode(), "a.log").features.stack_signature != first.features.stack_signature
    assert first.title == "2026-03-02 10:00:02 ERROR request failed"


def test_a_byte_order_mark_that_lies_is_malformed() -> None:
    """I1: a clear error instead of rubbish."""
    with pytest.raises(ParseError) as caught:
        read(codecs.BOM_UTF8 + b"\xff\xfe\xfd\xfc" * 50, "a.txt")
    assert caught.value.code == "malformed"
