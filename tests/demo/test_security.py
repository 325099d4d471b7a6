"""What an attacker would try on a Gradio application, and what comes of it."""

import http.client
import json
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from pydantic import ValidationError

import espressivo_demo.app
from espressivo_demo.serving import HEALTH_PATH
from espressivo_demo.settings import DemoSettings
from espressivo_demo.studio import Studio

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

SOURCE = str(Path(espressivo_demo.app.__file__).resolve())
API = "/gradio_api"


def ask(url, path, *, method="GET", body=None, headers=None):
    """Status, headers and body of an answer; the path goes out exactly as it is written."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    with closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def upload(url, name, data, kind="image/png"):
    boundary = "----espressivo"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return ask(
        url, f"{API}/upload", method="POST", body=body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "/proc/self/environ", SOURCE,
        "http://127.0.0.1:1/", "file:///etc/passwd", "//etc/passwd",
    ],
)  # fmt: skip
def test_no_file_of_the_machine_is_served(demo_url, path):
    status, _, body = ask(demo_url, f"{API}/file={path}")
    assert status in {400, 403, 404}
    assert b"root:" not in body
    assert b"import" not in body


@pytest.mark.parametrize(
    "path", ["/proxy=http://127.0.0.1:1/", f"{API}/proxy=http://127.0.0.1:1/", "/static/../../../etc/passwd"]
)
def test_nothing_is_fetched_for_others(demo_url, path):
    status, _, body = ask(demo_url, path)
    assert status >= 400 or b"root:" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("path", ["/etc/passwd", SOURCE, "/etc/hostname"])
def test_an_api_call_cannot_name_a_file_that_nobody_uploaded(demo_url, path):
    told = call(demo_url, "talking_head", portrait={"path": path, "meta": {"_type": "gradio.FileData"}})
    assert "error" in told
    assert "root:" not in told


def test_an_api_call_cannot_make_the_server_fetch_an_address(demo_url):
    address = f"{demo_url}{HEALTH_PATH}"
    told = call(demo_url, "talking_head", portrait={"path": address, "url": address, "meta": {"_type": "gradio.FileData"}})
    assert "error" in told


def call(url, name, portrait):
    """One raw call; returns the events as text."""
    data = [portrait, None, "joy", None, "", 0.7, 1, {"consent": "synthetic_person", "size": 128}, 1]
    status, _, body = ask(
        url, f"{API}/call/{name}", method="POST", body=json.dumps({"data": data}), headers={"Content-Type": "application/json"}
    )
    if status != 200:
        return f"error {status}"
    with urllib.request.urlopen(f"{url}{API}/call/{name}/{json.loads(body)['event_id']}", timeout=60) as stream:  # noqa: S310
        return stream.read().decode()


def test_values_beyond_a_control_are_refused(client):
    with pytest.raises((AppError, ValueError)):
        client.predict("joy", 7.0, 8, None, "", api_name="/plan")
    with pytest.raises((AppError, ValueError)):
        client.predict("x" * 5000, 0.7, 8, None, "", api_name="/plan")


def test_uploads_are_small_and_their_names_are_only_names(demo_url):
    assert upload(demo_url, "big.png", b"\0" * (5 * 1024 * 1024))[0] == 413
    status, _, body = upload(demo_url, "../../../escaped.png", b"tiny")
    assert status == 200
    (path,) = json.loads(body)
    assert ".." not in path
    assert Path(path).name == "escaped.png"


def test_uploaded_html_is_not_shown_as_a_page(demo_url):
    _, _, body = upload(demo_url, "evil.html", b"<script>alert(1)</script>", "text/html")
    (path,) = json.loads(body)
    status, headers, _ = ask(demo_url, f"{API}/file={path}")
    assert status == 200
    assert "attachment" in headers["content-disposition"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_another_sites_page_can_do_nothing(demo_url, kind):
    body = json.dumps({"data": ["joy", 0.7, 8, None, ""]})
    headers = {"Origin": "http://evil.example", "Content-Type": kind}
    status, answer, _ = ask(demo_url, f"{API}/call/plan", method="POST", body=body, headers=headers)
    assert status == 403
    assert "access-control-allow-origin" not in {name.lower() for name in answer}


def test_browsers_are_told_to_ask_nobody_else(demo_url):
    _, headers, _ = ask(demo_url, "/")
    policy = headers["content-security-policy"]
    assert "default-src 'self' data: blob:" in policy
    assert "http" not in policy


def test_the_bundled_folders_stay_closed(demo_url):
    config = ask(demo_url, "/config")[2].decode()
    assert str(Path(SOURCE).parents[2]) not in config


def test_health(demo_url):
    status, _, body = ask(demo_url, HEALTH_PATH)
    assert status == 200
    assert json.loads(body)["status"] == "ok"


def test_what_is_exposed_asks_who_is_there(demo_with, tmp_path):
    users = tmp_path / "users"
    users.write_text("ada:long and secret\n\n# nobody\n")
    url = demo_with("--auth-file", str(users))
    assert ask(url, "/config")[0] == 401
    assert ask(url, f"{API}/call/plan", method="POST", body="{}", headers={"Content-Type": "application/json"})[0] in {401, 403}
    assert ask(url, HEALTH_PATH)[0] == 200
    with pytest.raises(Exception, match=r"(?i)credentials|auth|login|401"):
        Client(url, auth=("ada", "wrong"), verbose=False)
    client = Client(url, auth=("ada", "long and secret"), verbose=False)
    assert client.predict("joy", 0.7, 8, None, "", api_name="/plan")["version"] == "1"


def test_it_is_shown_to_others_only_behind_a_password(tmp_path):
    with pytest.raises(ValidationError, match="auth_file"):
        DemoSettings(host="0.0.0.0")  # noqa: S104 - that is what is refused
    assert DemoSettings(host="0.0.0.0", auth_file=tmp_path / "users").host == "0.0.0.0"  # noqa: S104 - as above


@pytest.mark.parametrize("session", ["../../etc", "/absolute", "..", "", None, "a/b\0c"])
def test_a_session_cannot_lead_out_of_its_folder(tmp_path, session):
    studio = Studio(tmp_path, keep_s=60)
    assert studio.new_folder(session).resolve().is_relative_to((tmp_path / "results").resolve())
    studio.forget(session)
    assert (tmp_path / "results").is_dir()
