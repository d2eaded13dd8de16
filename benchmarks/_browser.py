"""Look at a report in headless Chromium: no error on the console, nothing asked from outside; pictures of it.

python benchmarks/_browser.py REPORT.html [--picture FILE.jpg] [--top FILE.jpg] [--chromium PATH]

Needs Playwright (of the bench group) and a Chromium that is installed: ``apt-get install chromium`` or any
other, named by --chromium or the environment variable CHROMIUM. Playwright's own browsers are not fetched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

WINDOW = {"width": 1240, "height": 900}
QUALITY = 62


def main() -> int:
    """Check a report, and say what is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--picture", type=Path, help="JPEG of the whole page")
    parser.add_argument("--top", type=Path, help="JPEG of tables and plot, without a photo")
    parser.add_argument("--chromium", default=chromium())
    arguments = parser.parse_args()
    if arguments.chromium is None:
        print("no Chromium is installed", file=sys.stderr)
        return 2
    problems = check(arguments.report, arguments.chromium, picture=arguments.picture, top=arguments.top)
    print("\n".join(problems) or "no error, no request to the outside")
    return 1 if problems else 0


def chromium() -> str | None:
    """Where a Chromium is; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def check(
    report: Path,
    executable: str,
    *,
    picture: Path | None = None,
    top: Path | None = None,
    compare: Path | None = None,
) -> list[str]:
    """Open a report, use everything on it, and tell what was wrong: console, requests, what does not move."""
    from playwright.sync_api import sync_playwright

    problems: list[str] = []
    address = report.resolve().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.on("console", lambda said: problems.append(f"console: {said.type}: {said.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))

        def asked(request: Any) -> None:
            if request.url != address and not request.url.startswith("data:"):
                problems.append(f"request: {request.url}")

        page.on("request", asked)
        page.goto(address)
        page.wait_for_selector("body[data-ready=true]", state="attached", timeout=60_000)
        problems += _use(page)
        if top is not None:
            _screenshot(page, top, "body", "#plot")
        if compare is not None:
            _screenshot(page, compare, "#compare", "#hard")
        if picture is not None:
            page.screenshot(path=str(picture), type="jpeg", quality=QUALITY, full_page=True)
        browser.close()
    return problems


def _screenshot(page: Any, file: Path, first: str, last: str) -> None:
    """A picture of the page from the top of one element to the end of another."""
    edge = "document.querySelector('{}').getBoundingClientRect().{} + scrollY"
    top, bottom = page.evaluate(edge.format(first, "top")), page.evaluate(edge.format(last, "bottom"))
    clip = {"x": 0, "y": top, "width": WINDOW["width"], "height": bottom - top + 12}
    page.screenshot(path=str(file), type="jpeg", quality=QUALITY, clip=clip, full_page=True)


def _use(page: Any) -> list[str]:
    """Sort, plot, slide, and choose another photo; what did not answer."""
    problems = []
    table = page.locator("#means table").first
    heading = table.locator("thead button").nth(1)
    for falling in (False, True, False):
        heading.click()
        texts = table.locator("tbody tr:not(.failed) td:nth-child(2)").all_text_contents()
        values = [float(text) for text in texts]
        if values != sorted(values, reverse=falling):
            problems.append("the table does not sort by SAD")
    if page.locator("#chart circle").count() == 0:
        problems.append("the plot is empty")
    page.select_option("#plot-metric", "grad")
    page.select_option("#plot-metric", "sad")
    if page.locator("#photo option").count():
        problems += _use_pictures(page)
    return problems


def _use_pictures(page: Any) -> list[str]:
    problems = []
    pixels = "document.getElementById('over').toDataURL()"
    first = page.evaluate(pixels)
    for view in ("alpha", "error", "green"):
        page.select_option("#view", view)
        page.wait_for_timeout(300)
        if view != "green" and page.evaluate(pixels) == first:
            problems.append(f"the view {view} shows what the view green does")
    page.locator("#slider").fill("30")
    if "30%" not in page.evaluate("document.getElementById('over').style.clipPath"):
        problems.append("the slider does not move the edge")
    page.locator("#slider").fill("50")
    if page.locator("#maps figure").count() != page.locator("#left option").count() - 1:
        problems.append("there is not an error map for each system")
    return problems


if __name__ == "__main__":
    sys.exit(main())
