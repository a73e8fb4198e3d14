"""Photograph the pages of a running demo at desktop and phone width."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PASSWORD = "switchyard-demo"  # noqa: S105  the demo's, known to everybody
WIDTHS = {1280: 860, 390: 844}


@dataclass(frozen=True, slots=True)
class Shot:
    """One page as one person sees it; ``click`` is followed first."""

    name: str
    user: str
    path: str
    click: str = ""


SHOTS = (
    Shot("dashboard", "lead", "/admin/"),
    Shot("review", "lead", "/admin/review/"),
    Shot("admin-tickets", "lead", "/admin/ticketing/ticket/"),
    Shot("admin-model", "lead", "/admin/classifier/localmodel/", "#result_list a[href*=change]"),
    Shot("queue", "agent", "/desk/"),
    Shot("ticket", "lead", "/desk/", "[data-row] a"),
    Shot("portal", "requester", "/portal/"),
    Shot("portal-tickets", "requester", "/portal/tickets"),
    Shot("portal-ticket", "requester", "/portal/tickets", "main a[href*='/portal/tickets/']"),
)


def sign_in(browser: Browser, url: str, user: str, width: int, scheme: str) -> Page:
    """A page of a signed-in person."""
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=1,
    )
    page = context.new_page()
    page.goto(f"{url}/login/")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    return page


def take(page: Page, url: str, shot: Shot, target: Path) -> None:
    """Open, follow, photograph."""
    page.goto(url + shot.path)
    if shot.click:
        link = page.locator(shot.click).first
        href = link.get_attribute("href")
        page.goto(url + href if href and href.startswith("/") else href or url)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(target))


def main() -> None:
    """Read the arguments and take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--only", default="", help="Names separated by commas.")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    wanted = {name for name in chosen.only.split(",") if name}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        for width in WIDTHS:
            pages: dict[str, Page] = {}
            for shot in SHOTS:
                if wanted and shot.name not in wanted:
                    continue
                if shot.user not in pages:
                    pages[shot.user] = sign_in(browser, chosen.url, shot.user, width, chosen.scheme)
                take(pages[shot.user], chosen.url, shot, chosen.out / f"{shot.name}-{width}.png")
        browser.close()


if __name__ == "__main__":
    main()
