"""Pictures of every tab and state at the widths of a desk and of a phone: ``python -m espressivo_demo.screenshots -o FOLDER``."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from espressivo_demo.serving import serve
from espressivo_demo.settings import DemoSettings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["CHROMIUM_ARGUMENTS", "chromium_path", "main"]

SIZES: Final = {"1440": (1440, 1000), "390": (390, 844)}
CHROMIUM_ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
PATIENCE_MS: Final = 240_000


def chromium_path() -> str | None:
    """The browser of this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def main() -> None:
    """Serve the page, go through it and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--only", default="", help="states whose name contains this")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    folder: Path = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    server = serve(DemoSettings(port=0))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        for size in SIZES:
            for name, state in STATES.items():
                if options.only in name:
                    _picture(browser, server.url, folder / f"{name}-{size}.png", SIZES[size], state, dark="dark" in name)
        browser.close()
    server.close()


def _picture(browser: Browser, url: str, path: Path, size: tuple[int, int], state: Callable[[Page], None], *, dark: bool) -> None:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector("#strip img")
    state(page)
    page.wait_for_timeout(600)
    page.screenshot(path=path, full_page=True)
    page.close()
    print(path.name)  # noqa: T201 - a command


def _tab(page: Page, name: str) -> None:
    """Open a tab; on a narrow screen it may be in the overflow menu."""
    tab = page.locator(f"#acts button[role=tab]:has-text('{name}')").first
    if not tab.is_visible():
        page.locator("#acts .overflow-menu > button").first.click()
        page.locator(f"#acts .overflow-dropdown button:has-text('{name}')").click()
    else:
        tab.click()


def _bench(page: Page, name: str) -> None:
    tab = page.locator(f"#bench button[role=tab]:has-text('{name}')").first
    if not tab.is_visible():
        page.locator("#bench .overflow-menu > button").first.click()
        page.locator(f"#bench .overflow-dropdown button:has-text('{name}')").click()
    else:
        tab.click()


def _small(page: Page) -> None:
    page.locator("#talk-settings > button").first.click()
    page.fill("#size input[type=number]", "256")
    page.locator("#size input[type=number]").press("Tab")


def _first(page: Page) -> None:
    page.wait_for_timeout(200)


def _filming(page: Page) -> None:
    page.click("#film")
    page.wait_for_selector("text=Filming")
    page.wait_for_timeout(1500)


def _filmed(page: Page) -> None:
    _small(page)
    page.click("#film")
    page.wait_for_selector("#video video")
    page.wait_for_timeout(1500)
    page.locator("#talk-results .code button").first.click()


def _no_face(page: Page) -> None:
    import numpy as np
    from PIL import Image

    path = Path("no-face.png").resolve()
    Image.fromarray(np.full((320, 320, 3), 128, np.uint8)).save(path)
    page.locator("#portrait button[aria-label*=lear], #portrait button[aria-label*=emove]").first.click()
    page.set_input_files("#portrait input[type=file]", str(path))
    page.wait_for_selector("text=image.no_face")


def _misspelt(page: Page) -> None:
    page.fill("#words textarea", "hapiness")
    page.click("#think")
    page.wait_for_selector("text=did you mean")


def _music(page: Page) -> None:
    _tab(page, "Music")


def _composed(page: Page) -> None:
    _tab(page, "Music")
    page.click("#compose")
    page.wait_for_selector("#roll img")
    page.wait_for_timeout(1000)


def _scene(page: Page) -> None:
    _small(page)
    _tab(page, "Scene")
    page.click("#film-scene")
    page.wait_for_selector("#scene-video video")


def _compare(page: Page) -> None:
    _tab(page, "Compare")
    page.click("#compare")
    page.wait_for_selector("#grid img")


def _batch(page: Page) -> None:
    _tab(page, "Batch")


def _batched(page: Page) -> None:
    _tab(page, "Batch")
    page.click("#build-manifest")
    page.wait_for_selector("#manifest .cm-line:has-text('compose')")
    page.click("#run-batch")
    page.wait_for_selector("#report iframe")


STATES: Final[dict[str, Callable[[Page], None]]] = {
    "first": _first,
    "first-dark": _first,
    "face": lambda page: _bench(page, "Face"),
    "attributes": lambda page: _bench(page, "Music"),
    "mixture": lambda page: _bench(page, "Mixture"),
    "person": lambda page: _bench(page, "Person"),
    "misspelt": _misspelt,
    "no-face": _no_face,
    "filming": _filming,
    "filmed": _filmed,
    "filmed-dark": _filmed,
    "music": _music,
    "composed": _composed,
    "composed-dark": _composed,
    "scene": _scene,
    "compare": _compare,
    "batch": _batch,
    "batched": _batched,
    "share": lambda page: _tab(page, "Share"),
    "about": lambda page: _tab(page, "About"),
}

if __name__ == "__main__":
    main()
