"""Serving the page: addresses, users, limits, health, and folders that are swept."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware

from espressivo.errors import SettingError
from espressivo.provenance import tool_version
from espressivo.resources import home
from espressivo_demo.app import build_demo
from espressivo_demo.running import num_running
from espressivo_demo.settings import DemoSettings
from espressivo_demo.studio import Studio
from espressivo_demo.theme import build_theme
from espressivo_demo.widgets import PACKAGE, asset

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEALTH_PATH", "Server", "serve"]

HEALTH_PATH: Final = "/healthz"
SWEEP_EVERY_S: Final = 60.0
# Gradio's own scripts and templates need inline code; what matters is that nothing is ever asked of another host.
POLICY: Final = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self' data: blob: ws: wss:; frame-ancestors 'self'; form-action 'self'; base-uri 'self'; object-src 'none'"
)


class Server:
    """A running demo.

    Attributes:
        page: The page.
        url: Its address.
    """

    def __init__(self, page: gr.Blocks, url: str) -> None:
        self.page = page
        self.url = url

    def wait(self) -> None:
        """Serve until Ctrl-C."""
        self.page.block_thread()

    def close(self) -> None:
        """Stop serving."""
        self.page.close()


def serve(settings: DemoSettings) -> Server:
    """Start serving in the background; returns once the page answers.

    The process works in a folder of its own from then on: what lies in the working directory can be shown by Gradio.

    Raises:
        SettingError: ``setting.auth_file`` or ``setting.port``.
    """
    users = None if settings.auth_file is None else _users(settings.auth_file)
    chosen = os.environ.get("GRADIO_TEMP_DIR")
    if chosen is not None:
        Path(chosen).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="espressivo-demo-", dir=chosen))
    studio = Studio(folder, settings.keep_s)
    os.environ["GRADIO_TEMP_DIR"] = str(studio.uploads)
    os.chdir(folder)
    page = build_demo(settings, studio)
    try:
        app, url = _launch(page, settings, users)
    except (OSError, ValueError) as error:  # the port is taken; or the page does not answer where it listens
        message = f"cannot serve on {settings.host}, port {settings.port}; take another port: {error}"
        raise SettingError("setting.port", message) from error
    studio.keep_uploads()
    _add_health(app, studio)
    threading.Thread(target=_sweep_for_ever, args=(studio,), name="espressivo-sweep", daemon=True).start()
    threading.Thread(target=studio.warm, name="espressivo-warm", daemon=True).start()
    return Server(page, url)


def _launch(page: gr.Blocks, settings: DemoSettings, users: list[tuple[str, str]] | None) -> tuple[FastAPI, str]:
    app, url, _ = page.launch(
        server_name=settings.host,
        server_port=settings.port or None,
        auth=users,
        share=False,
        quiet=True,
        show_error=False,
        allowed_paths=[],
        blocked_paths=[str(home())],
        max_file_size=f"{settings.max_upload_mb}mb",
        footer_links=["api"],
        run_history=False,
        mcp_server=False,
        ssr_mode=False,
        enable_monitoring=False,
        num_workers=0,  # a worker for files would be a second server without the guard below
        theme=build_theme(),
        css=asset("page.css"),
        js=asset("page.js"),
        favicon_path=str(files(PACKAGE) / "assets" / "favicon.svg"),
        app_kwargs={"middleware": [Middleware(Guard)]},
        prevent_thread_lock=True,
    )
    return app, url


class Guard:
    """Refuses what another site's page sends, and tells browsers to ask nothing of other hosts.

    Written against ASGI itself: what wraps responses gets in the way of streams that are cancelled.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the origin, then let the application answer, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin and scope["method"] != "GET" and origin.partition("://")[2] != headers.get("host"):
            refusal = JSONResponse({"detail": "requests from other sites are refused"}, status_code=403)
            await refusal(scope, receive, send)
            return

        if scope["method"] == "HEAD" and scope["path"] == "/":
            # Gradio gives its own page three seconds to answer this, or does not start; a busy machine needs longer to build it.
            await Response()(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["Content-Security-Policy"] = POLICY
                answer["X-Content-Type-Options"] = "nosniff"
                answer["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, send_guarded)


def _users(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("setting.auth_file", f"cannot read {path.name!r}: {type(error).__name__}") from error
    users = [(name, password) for name, colon, password in (line.partition(":") for line in lines) if name and colon and password]
    if not users:
        raise SettingError("setting.auth_file", f"{path.name!r} has no line of the form user:password")
    return users


def _add_health(app: FastAPI, studio: Studio) -> None:
    """An answer for load balancers, before Gradio's own routes, which take every path."""

    def health() -> dict[str, Any]:
        return {"status": "ok", "version": tool_version(), "models_loaded": studio.is_loaded, "renders_running": num_running()}

    app.add_api_route(HEALTH_PATH, health, methods=["GET"], include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())


def _sweep_for_ever(studio: Studio) -> None:
    while True:
        time.sleep(min(SWEEP_EVERY_S, studio.keep_s / 4))
        studio.sweep()
