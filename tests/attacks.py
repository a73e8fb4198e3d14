"""Strings that would run or break out if a page let them, and a look at HTML for those that got through."""

from __future__ import annotations

from html.parser import HTMLParser

MARK = "pwn9"
SHORT = f"\"'><img src={MARK} onerror={MARK}()>"
"""Fits where a name of fifty characters fits."""

ATTACKS = (
    SHORT,
    f"<script>window.{MARK}=1</script>",
    f'"><img src=x onerror="window.{MARK}=1">',
    f"'><svg/onload=window.{MARK}=1>",
    f'" autofocus onfocus="window.{MARK}=1" x="',
    f"' onmouseover='window.{MARK}=1' y='",
    f"[{MARK}](javascript:window.{MARK}=1) ![{MARK}](javascript:window.{MARK}=1)",
    f"<javascript:window.{MARK}=1> [x]: javascript:{MARK} [{MARK}][x]",
    f'<a href="javascript:window.{MARK}=1">{MARK}</a><a href="data:text/html,{MARK}">x</a>',
    f"</title></textarea></template></script><iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>",
    f'<math><style><img src onerror="window.{MARK}=1"></style></math>',
    f"{MARK}{{{{7*7}}}}{{% debug %}}${{7*7}}",
    f"\u202e{MARK}\u2066\u200f",
)
LONG = "\n\n".join(ATTACKS)

_ADDRESSES = {"href", "src", "action", "formaction", "srcdoc", "data", "xlink:href", "poster", "background"}
_SCHEMES = ("javascript:", "data:", "vbscript:")
_DEAD = ("application/json", "application/ld+json")


class _Look(HTMLParser):
    """Keeps where the mark stands in a place that a browser acts on."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.running = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.running = tag in {"script", "style"} and given.get("type", "") not in _DEAD
        if MARK in tag:
            self.found.append(f"<{tag}>")
        for name, value in given.items():
            text = "".join(value.split()).lower()
            lives = (
                MARK in name
                or (name.startswith(("on", "x-", "@", ":", "hx-on")) and MARK in text)
                or (name in _ADDRESSES and MARK in text and text.startswith(_SCHEMES))
                or (name in {"src", "srcdoc", "style"} and MARK in text)
            )  # fmt: skip
            if lives:
                self.found.append(f"<{tag} {name}={value[:80]!r}>")

    def handle_endtag(self, tag: str) -> None:
        self.running = False

    def handle_data(self, data: str) -> None:
        if self.running and MARK in data:
            self.found.append(f"script or style: {data[:80]!r}")


def live_marks(html: str) -> list[str]:
    """Every place where the mark became a tag, an attribute of its own, a handler, an address that runs, or
    the text of a script; empty where it is nothing but words."""
    look = _Look()
    look.feed(html)
    look.close()
    if f"{MARK}49" in html:
        look.found.append("a template was evaluated")
    return look.found
