"""Photograph the pages of a running demo at desktop and phone width, in light and dark."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import urljoin

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PASSWORD = "switchyard-demo"  # noqa: S105  the demo's, known to everybody
PAUSE_MS = 400
LIST_PARTS = 5
WIDTHS = {1280: 860, 390: 844}
COLOURS = 160
"""A palette instead of full colour: a third of the bytes, and no difference that an eye sees on a page."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One page as one person sees it; ``click`` names a link that is followed first, ``press`` a key."""

    name: str
    user: str
    path: str
    click: str = ""
    press: str = ""


SHOTS = (
    Shot("dashboard", "lead", "/admin/"),
    Shot("review", "lead", "/admin/review/"),
    Shot("admin-tickets", "lead", "/admin/ticketing/ticket/"),
    Shot("queue", "agent", "/desk/"),
    Shot("ticket", "lead", "/desk/", "[data-row] a"),
    Shot("portal", "requester", "/portal/"),
    Shot("portal-tickets", "requester", "/portal/tickets"),
    Shot("portal-ticket", "requester", "/portal/tickets", "main a[href*='/portal/tickets/']"),
)
"""The pictures of the documentation."""

REST = (
    Shot("admin-model", "lead", "/admin/classifier/localmodel/", "#result_list a[href*=change]"),
    Shot("login", "", "/login/"),
    Shot("portal-articles", "requester", "/portal/articles/"),
    Shot("portal-article", "requester", "/portal/articles/", "main a[href*='/portal/articles/']"),
    Shot("portal-chat", "requester", "/portal/chat/"),
    Shot("queue-preview", "agent", "/desk/", press="p"),
    Shot("queue-keys", "agent", "/desk/", press="?"),
    Shot("articles", "agent", "/desk/articles/"),
    Shot("article", "agent", "/desk/articles/", "main a[href*='/desk/articles/']"),
    Shot("views", "agent", "/desk/views"),
    Shot("view-new", "agent", "/desk/views/new"),
    Shot("macros", "agent", "/desk/macros"),
    Shot("macro-new", "agent", "/desk/macros/new"),
    Shot("presence", "agent", "/desk/presence"),
    Shot("assistant", "agent", "/desk/assistant/"),
    Shot("notifications", "agent", "/notifications"),
    Shot("merge", "lead", "/desk/", "[data-row] a", press="m"),
    Shot("deadlines", "lead", "/admin/deadlines/"),
    Shot("what-if", "lead", "/admin/what-if/"),
    Shot("language-models", "lead", "/admin/language-models/"),
    Shot("proposed-rules", "lead", "/admin/proposed-rules/"),
    Shot("imports", "lead", "/admin/imports/"),
    Shot("admin-ticket", "lead", "/admin/ticketing/ticket/", "#result_list a[href*=change]"),
)
"""Pages with an address or a way of their own; the lists and forms of the admin are found in its menu."""


def admin_shots(page: Page, url: str) -> list[Shot]:
    """A list and a form for every model that the administrator's menu leads to."""
    page.goto(f"{url}/admin/")
    links = page.eval_on_selector_all("a[href^='/admin/']", "all => all.map(a => a.getAttribute('href'))")
    # A list lies at /admin/<app>/<model>/; our own pages there have one part less.
    lists = sorted({link.split("?")[0] for link in links if len(link.split("?")[0].split("/")) == LIST_PARTS})
    shots = []
    for path in lists:
        name = "admin-" + path.strip("/").split("/")[-1]
        shots.append(Shot(name, "admin", path))
        shots.append(Shot(f"{name}-form", "admin", path, "#result_list a[href*=change]"))
    return shots


def sign_in(browser: Browser, url: str, user: str, width: int, scheme: str) -> Page:
    """A page of a signed-in person; of nobody where no name is given."""
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=1,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{url}/login/")
    if not user:
        return page
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    return page


def take(page: Page, url: str, shot: Shot, target: Path) -> str:
    """Open, follow, press, photograph; returns what is wrong with the page, or nothing."""
    page.goto(url + shot.path)
    if shot.click:
        link = page.locator(shot.click).first
        if not link.count():
            return f"{shot.name}: nothing to follow"
        href = link.get_attribute("href") or ""
        page.goto(urljoin(page.url, href))
    page.wait_for_load_state("networkidle")
    if shot.press:
        page.keyboard.press("j")
        page.keyboard.press(shot.press)
        page.wait_for_timeout(PAUSE_MS)
        page.wait_for_load_state("networkidle")
    page.screenshot(path=str(target))
    with Image.open(target) as full:
        full.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return f"{shot.name}: {wide} px wider than the window" if wide > 1 else ""


def name_of(shot: Shot, width: int, scheme: str) -> str:
    """The file's name; light is what is meant where nothing is said."""
    return f"{shot.name}-{width}{'-dark' if scheme == 'dark' else ''}.png"


def main() -> None:
    """Read the arguments, take every picture, and say which pages do not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--scheme", choices=["light", "dark", "both"], default="light")
    parser.add_argument("--width", type=int, choices=list(WIDTHS), default=0, help="Default: both.")
    parser.add_argument("--only", default="", help="Names separated by commas.")
    parser.add_argument("--all", action="store_true", help="Every page, not only those of the documentation.")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    wanted = {name for name in chosen.only.split(",") if name}
    schemes = ["light", "dark"] if chosen.scheme == "both" else [chosen.scheme]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        for width, scheme in product([chosen.width] if chosen.width else WIDTHS, schemes):
            pages: dict[str, Page] = {}
            shots: list[Shot] = [*SHOTS, *(REST if chosen.all or wanted else ())]
            if chosen.all:
                pages["admin"] = sign_in(browser, chosen.url, "admin", width, scheme)
                shots += admin_shots(pages["admin"], chosen.url)
            for shot in shots:
                if wanted and shot.name not in wanted:
                    continue
                if shot.user not in pages:
                    pages[shot.user] = sign_in(browser, chosen.url, shot.user, width, scheme)
                wrong = take(pages[shot.user], chosen.url, shot, chosen.out / name_of(shot, width, scheme))
                if wrong:
                    sys.stderr.write(f"{width} {scheme} {wrong}\n")
        browser.close()


if __name__ == "__main__":
    main()
