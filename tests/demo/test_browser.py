"""The page as a visitor meets it."""

import json

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]


def think(page, words):
    page.fill("#words textarea", words)
    page.click("#think")
    page.wait_for_selector("#thought .thought", timeout=60_000)


def plan_on_page(page):
    return json.loads(page.eval_on_selector("#plan-text textarea", "element => element.value"))


def test_it_loads_quietly_and_thinks(page):
    think(page, "joy turning to awe")
    labels = [max(segment["distribution"], key=segment["distribution"].get) for segment in plan_on_page(page)["segments"]]
    assert labels == ["joy", "awe"]
    assert "zygomaticus major" in page.inner_text("#thought")
    assert page.locator("#timeline svg").count() == 1
    assert page.outside == []
    assert page.errors == []


def test_an_unknown_word_gets_a_suggestion(page):
    page.fill("#words textarea", "hapiness")
    page.click("#think")
    page.wait_for_selector("text=did you mean", timeout=30_000)
    assert page.locator("#thought .thought").count() == 0


def test_it_films_what_was_thought(page):
    think(page, "surprise")
    page.click("#examples tbody tr >> nth=0")
    page.wait_for_selector("#portrait img", timeout=30_000)
    page.click("#film")
    page.wait_for_selector("text=say under Consent", timeout=30_000)
    page.click("text=a synthetic person")
    page.click("#talk-settings button")
    page.fill("input[aria-label*='Shorter side']", "192")
    page.click("#film")
    page.wait_for_selector("#preview img", timeout=120_000)
    page.wait_for_selector("#video video", timeout=240_000)
    assert page.evaluate("document.querySelector('#video video').readyState >= 0")
    assert page.locator("#performance svg").count() == 1
    assert page.outside == []


def test_it_composes(page):
    think(page, "quiet sadness")
    page.click("button[role=tab]:has-text('Music')")
    page.click("#compose")
    page.wait_for_selector("#roll img", timeout=120_000)


@pytest.mark.parametrize("width", [390, 768])
def test_a_narrow_screen_never_scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    think(page, "joy")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
