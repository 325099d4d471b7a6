"""The page as a visitor meets it."""

import json
import time
import urllib.request

import numpy as np
import pretty_midi
import pytest
from PIL import Image

from espressivo.speech.voices import installed_voices
from espressivo_demo.composing import can_engrave
from espressivo_demo.serving import HEALTH_PATH

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.filterwarnings("default")]


PLACES = ("#scene-performance", "#scene-roll")


def plan_on_page(page):
    return json.loads(page.eval_on_selector("#plan-text textarea", "element => element.value"))


def wait_for_plan(page, condition):
    """Until the plan, as ``plan``, fulfils a condition in JavaScript."""
    read = "JSON.parse(document.querySelector('#plan-text textarea').value)"
    page.wait_for_function(f"(() => {{ const plan = {read}; return {condition}; }})()")


def think(page, words):
    page.fill("#words textarea", words)
    page.click("#think")


def bench(page, name):
    page.click(f"#bench button[role=tab]:has-text('{name}')")


def tab(page, name):
    """Opens a tab, from the menu of those that have no room where it is there."""
    shown = page.locator(f"#acts button[role=tab]:visible:has-text('{name}')")
    if not shown.count():
        page.locator("#acts .overflow-menu > button").click()
        shown = page.locator(f"#acts .overflow-dropdown button:has-text('{name}')")
    shown.first.click()


def be_quick(page):
    """Two silent seconds at 192 pixels."""
    page.locator("#speech button[aria-label*=lear], #speech button[aria-label*=emove]").first.click()
    page.locator("#talk-settings > button").first.click()
    for field, value in (("#size", "192"), ("#length", "2")):
        page.fill(f"{field} input[type=number]", value)
        page.locator(f"{field} input[type=number]").press("Tab")
    think(page, "joy turning to awe")
    wait_for_plan(page, "plan.segments[plan.segments.length - 1].end_s === 2")


def test_the_first_look_is_quiet_quick_and_shows_a_face(page):
    assert "joy turning to awe" in page.input_value("#words textarea")
    assert page.locator("#timeline .band").count() == 2
    assert "zygomaticus major" in page.inner_text("#thought")
    page.wait_for_selector("#strip img")
    assert page.locator("#strip img").count() == 6
    assert page.title() == "espressivo"
    assert page.outside == []
    assert page.errors == []


def test_thinking_of_another_feeling(page):
    think(page, "calm -> panic -> relief")
    wait_for_plan(page, "plan.segments.length === 3")
    assert [band.split("\n")[0] for band in page.locator("#timeline .band").all_inner_texts()] == ["calm", "panic", "relief"]


def test_an_unknown_word_gets_a_suggestion_and_changes_nothing(page):
    before = plan_on_page(page)
    think(page, "hapiness")
    page.wait_for_selector("text=did you mean")
    assert plan_on_page(page) == before


def test_it_films_an_edited_muscle_and_the_video_plays(page):
    be_quick(page)
    bench(page, "Face")
    page.locator("#muscles .row[data-row='12'] input[type=range]").nth(0).evaluate(
        "range => { range.value = 0; range.dispatchEvent(new Event('change')); }"
    )
    wait_for_plan(page, "!plan.segments[0].actions.some(a => a.action_unit === 12 && a.side !== 'R')")
    page.click("#film")
    page.wait_for_selector("#video video")
    page.wait_for_function("document.querySelector('#video video').currentTime > 0")
    assert page.locator("#source img").count() == 1
    assert page.locator("#performance svg polyline").count() > 10
    with page.expect_download() as waiting:
        page.locator("#talk-files a[download*='actions.csv'], #talk-files a[href*='actions.csv']").first.click()
    rows = waiting.value.path().read_text().splitlines()
    left, right = (rows[0].split(",").index(f"MouthSmile{side}") for side in ("Left", "Right"))
    curves = np.array([[float(row.split(",")[column]) for column in (left, right)] for row in rows[1:]])
    first_half = curves[: len(curves) // 2]
    assert first_half[:, 1].max() > first_half[:, 0].max() + 0.1
    assert page.outside == []
    assert page.errors == []


def test_stop_frees_the_slot_within_two_seconds(page, demo_url):
    def num_rendering():
        with urllib.request.urlopen(demo_url + HEALTH_PATH, timeout=30) as answer:  # noqa: S310 - a loopback address
            return json.load(answer)["renders_running"]

    page.click("#film")
    page.wait_for_selector("text=Filming")
    assert num_rendering() == 1
    began = time.monotonic()
    page.click("#stop")
    while num_rendering():
        time.sleep(0.05)
    assert time.monotonic() - began < 2.0
    tab(page, "Music")
    page.fill("#music-seconds input[type=number]", "4")
    page.click("#compose")
    page.wait_for_selector("#roll img")
    assert page.locator("#video video").count() == 0


def test_a_picture_without_a_face_is_told_so(page, tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((256, 256, 3), 128, np.uint8)).save(path)
    page.locator("#portrait button[aria-label*=lear], #portrait button[aria-label*=emove]").first.click()
    page.set_input_files("#portrait input[type=file]", str(path))
    page.wait_for_selector("text=image.no_face")
    assert page.locator("#consent input:checked").count() == 0


@pytest.mark.skipif(not installed_voices(), reason="needs flite or espeak-ng")
def test_typed_words_are_said(page):
    page.fill("#transcript textarea", "We made it, at last!")
    with page.expect_response(lambda response: "spoken.wav" in response.url) as sound:  # the player fetches it
        page.click("#say")
    assert sound.value.ok
    assert page.input_value("#transcript textarea") == "We made it, at last!"
    assert page.errors == []


def test_filming_needs_consent(page):
    page.locator("#portrait button[aria-label*=lear], #portrait button[aria-label*=emove]").first.click()
    page.click("#film")
    page.wait_for_selector("text=image.missing")
    page.locator("#examples button").nth(1).click()
    page.wait_for_selector("#strip img")
    assert page.locator("#consent input:checked").get_attribute("value") == "synthetic_person"


def test_music_from_plan_to_player_and_on_from_a_midi_file(page, tmp_path):
    tab(page, "Music")
    page.fill("#music-seconds input[type=number]", "6")
    page.click("#compose")
    page.wait_for_selector("#roll img")
    page.wait_for_selector("#music-audio audio[src]")
    assert "achieved" in page.inner_text("#achieved")
    page.evaluate("document.querySelector('#music-audio audio').play()")
    page.wait_for_function("parseFloat(document.querySelector('#roll .playhead').style.left) > 5")
    piece = pretty_midi.PrettyMIDI()
    part = pretty_midi.Instrument(0)
    part.notes = [pretty_midi.Note(80, 60 + step, index / 2, index / 2 + 0.5) for index, step in enumerate((0, 4, 7, 12) * 2)]
    piece.instruments.append(part)
    piece.write(str(tmp_path / "own.mid"))
    page.locator("#own-music > button").first.click()
    page.set_input_files("#own-midi input[type=file]", str(tmp_path / "own.mid"))
    page.wait_for_selector("#own-midi >> text=own.mid")
    old = page.get_attribute("#roll img", "src")
    page.click("#go-on")
    page.wait_for_function("old => (document.querySelector('#roll img') || {src: old}).src !== old", arg=old)
    page.locator("#music-results .code button").first.click()
    page.wait_for_selector("text=--continue given.mid")
    old = page.get_attribute("#roll img", "src")
    page.fill("#bars textarea, #bars input", "9-9")
    page.click("#fill-bars")
    page.wait_for_selector("text=setting.bars")
    page.fill("#bars textarea, #bars input", "2")
    page.click("#fill-bars")
    page.wait_for_function("old => (document.querySelector('#roll img') || {src: old}).src !== old", arg=old)
    if can_engrave():
        page.wait_for_selector("#music-files >> text=musicxml")
    page.locator("#music-settings > button").first.click()
    page.fill("#chords textarea, #chords input", "Am H7x")
    page.click("#compose")
    page.wait_for_selector("text=setting.chords")
    assert page.errors == []


def test_a_scene_has_film_curves_and_notes_on_one_clock(page):
    be_quick(page)
    tab(page, "Scene")
    page.click("#film-scene")
    page.wait_for_selector("#scene-video video")
    page.wait_for_function("document.querySelector('#scene-video video').currentTime > 0")
    assert page.locator("#scene-performance svg polyline").count() > 10
    assert page.locator("#scene-roll img").count() == 1
    clocks = [float(page.get_attribute(f"{place} [data-player]", "data-seconds")) for place in PLACES]
    assert clocks[0] == pytest.approx(clocks[1], abs=0.1)
    assert page.errors == []


def test_a_batch_from_manifest_to_report(page):
    tab(page, "Batch")
    page.fill("#manifest .cm-content", '{"kind": "plan", "emotion": "joy"}\n{"kind": "plan", "emotion": "awe"}')
    page.click("#run-batch")
    page.wait_for_selector("#report iframe")
    assert page.locator("#jobs tr.done").count() == 2
    assert "Batch run" in page.frame_locator("#report iframe").locator("h1").inner_text()
    page.fill("#manifest .cm-content", '{"kind": "plan", "emotion": "hapiness"}')
    page.click("#run-batch")
    page.wait_for_selector("text=line 1: emotion")


def test_comparing_feelings(page):
    tab(page, "Compare")
    page.fill("#compare-intensities textarea, #compare-intensities input", "1")
    page.click("#compare")
    page.wait_for_selector("#grid img")
    page.wait_for_selector("#compare-files >> text=emotions")


def test_the_pad_and_the_timeline_change_one_segment_alone(page):
    second = plan_on_page(page)["segments"][1]
    bench(page, "Mixture")
    box = page.locator("#pad svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.8, steps=4)
    page.mouse.up()
    wait_for_plan(page, "plan.segments[0].vad.valence < -0.2")
    assert plan_on_page(page)["segments"][1] == second
    page.click("#timeline button:has-text('Split')")
    wait_for_plan(page, "plan.segments.length === 3")
    page.locator("#timeline .band").nth(2).click()
    page.wait_for_selector("#timeline .band:nth-child(3)[aria-pressed=true]")
    page.fill("#timeline .fields input[type=text]", "fear")
    page.press("#timeline .fields input[type=text]", "Enter")
    wait_for_plan(page, "'fear' in plan.segments[2].distribution")


def test_settings_are_saved_and_opened(page, tmp_path):
    think(page, "quiet sadness")
    wait_for_plan(page, "plan.segments.length === 1")
    saved = plan_on_page(page)
    tab(page, "Share")
    with page.expect_download() as waiting:
        page.click("#save-settings")
    waiting.value.save_as(tmp_path / "settings.json")
    think(page, "joy")
    wait_for_plan(page, "'joy' in plan.segments[0].distribution")
    page.set_input_files("#open-settings input[type=file], input[type=file][accept*='.json']", str(tmp_path / "settings.json"))
    wait_for_plan(page, "!('joy' in plan.segments[0].distribution)")
    assert plan_on_page(page) == saved


def test_dark_mode(page):
    page.click("#dark")
    ink = "getComputedStyle(document.querySelector('#masthead h1')).color.match(/\\d+/g).slice(0, 3)"
    page.wait_for_function(f"{ink}.every(part => part > 200)")
    page.click("#dark")
    page.wait_for_function(f"{ink}.every(part => part < 90)")


def test_a_keyboard_is_enough(page):
    page.focus("#words textarea")
    page.keyboard.press("Control+A")
    page.keyboard.type("fear")
    page.keyboard.press("Enter")
    wait_for_plan(page, "'fear' in plan.segments[0].distribution")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("(document.activeElement.closest('#think, #film, #examples') || {}).id"))
    assert {"think", "film", "examples"} <= seen
    page.focus("#bench button[role=tab]:has-text('Mixture')")
    page.keyboard.press("Enter")
    page.focus("#pad svg")
    before = plan_on_page(page)["segments"][0]["vad"]["valence"]
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    wait_for_plan(page, f"plan.segments[0].vad.valence > {before} + 0.2")


@pytest.mark.parametrize("width", [390, 768])
def test_a_narrow_screen_never_scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_selector("#strip img")
    for name in ("Talking head", "Music", "Scene", "Compare", "Batch", "Share", "About"):
        tab(page, name)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_has_a_name(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea, [role=slider]')]
        .filter(node => node.offsetParent && node.type !== 'file' && !node.closest('.dropdown, .multiselect'))
        .filter(node => !(node.getAttribute('aria-label') || node.getAttribute('title') || node.innerText?.trim()
                          || node.labels?.length || node.getAttribute('aria-labelledby') || node.querySelector?.('img[alt]')
                          || node.closest('label')))
        .map(node => node.outerHTML.slice(0, 160))"""
    )
    assert nameless == []
