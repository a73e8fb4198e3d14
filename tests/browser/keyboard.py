"""Journeys by keyboard alone: what cannot be reached by Tab, or shows no focus, fails."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.support import BrowserTestCase

MOST_STOPS = 200

# What has the focus, in the page's own words; and whether a sighted person could tell.
_FOCUSED = """
(selector) => {
  const node = document.activeElement;
  if (!node || node === document.body) { return {hit: false, name: "body", seen: true}; }
  const box = (node.labels && node.labels[0] ? node.labels[0] : node).getBoundingClientRect();
  const rings = [];
  for (let at = node, up = 0; at && up < 4; at = at.parentElement, up += 1) {
    const style = getComputedStyle(at);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    rings.push(outlined || (up < 3 && style.boxShadow !== "none") || (up > 0 && at.matches(".composer")));
  }
  return {
    hit: node.matches(selector),
    name: `${node.tagName.toLowerCase()}[${node.getAttribute("aria-label") || node.name || node.textContent.trim().slice(0, 30)}]`,
    seen: rings.some(Boolean) && box.width > 0 && box.height > 0,
  };
}
"""  # noqa: E501


class KeyboardTestCase(BrowserTestCase):
    """Moves through pages as a person without a mouse does."""

    def tab_to(self, page: Page, selector: str, *, back: bool = False) -> None:
        """Press Tab until what the selector names has the focus; its focus must be visible."""
        passed: list[str] = []
        for _stop in range(MOST_STOPS):
            found = page.evaluate(_FOCUSED, selector)
            if found["hit"]:
                self.assertTrue(found["seen"], f"Nobody sees that {found['name']} has the focus.")
                return
            passed.append(found["name"])
            page.keyboard.press("Shift+Tab" if back else "Tab")
        self.fail(f"Tab never reaches {selector} on {page.url}. It passed {passed[:40]}.")

    def press(self, page: Page, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            page.keyboard.press(key)

    def go(self, page: Page, key: str = "Enter") -> AbstractContextManager[Any]:
        """A key that leads to another page, which has loaded when the block ends.

        Used as ``with self.go(page): pass``; the key is pressed inside.
        """
        return _Going(page, key)

    def follow(self, page: Page, selector: str, *, back: bool = False) -> None:
        """Tab to a link or button, press Enter, wait for the page it leads to."""
        self.tab_to(page, selector, back=back)
        with self.go(page):
            pass

    def choose(self, page: Page, selector: str, word: str) -> None:
        """Tab to a list and type the beginning of the wanted line."""
        self.tab_to(page, selector)
        page.keyboard.type(word)
        chosen = page.evaluate("document.activeElement.selectedOptions[0].textContent.trim()")
        self.assertTrue(chosen.lower().startswith(word.lower()), f"{selector} shows {chosen!r}.")

    def pick_file(self, page: Page, selector: str, file: Path) -> None:
        """Tab to a field for files and open it with the space bar."""
        # Listening takes a moment to reach the browser; it begins before the way to the field.
        page.on("filechooser", lambda _chooser: None)
        self.tab_to(page, selector)
        with page.expect_file_chooser() as opened:
            page.keyboard.press("Space")
        opened.value.set_files(file)

    def says(self, page: Page, text: str) -> None:
        """The page shows the words."""
        expect(page.locator("body")).to_contain_text(text)


class _Going:
    def __init__(self, page: Page, key: str) -> None:
        self.page, self.key = page, key

    def __enter__(self) -> None:
        self.waiting = self.page.expect_event("domcontentloaded")
        self.waiting.__enter__()
        self.page.keyboard.press(self.key)

    def __exit__(self, *error: Any) -> None:
        self.waiting.__exit__(*error)
        self.page.wait_for_load_state("load")
