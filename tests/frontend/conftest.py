"""A browser, and a server that plays the portal: it shows a template in a sandboxed frame and speaks with it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dev.browser import another_page, browser_page
from dev.stack import PATIENCE, ROOT, StackError

STATIC = ROOT / "labeling_provider" / "service" / "web" / "static"
SCRIPT = '<script src="/static/crowd-html-elements.js"></script>'
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><rect width="400" height="300" fill="#8bd"/>'
    '<circle cx="200" cy="150" r="90" fill="#fc0"/></svg>'
)

_HOST = """<!doctype html><html lang="en"><title>Portal</title><link rel="icon" href="data:,">
<style>body { margin: 0 } iframe { border: 0; width: 100vw; height: 100vh }</style>
<iframe title="Task" sandbox="allow-scripts allow-forms allow-modals"></iframe>
<script>
  const frame = document.querySelector("iframe");
  let heard, port, init;
  let awaited = () => {};
  function show(settings, number) {
    // A draft that is large stays here.
    if (settings.keep_draft) settings.draft = kept.draft;
    [heard, init] = [[], settings];
    port?.close();
    frame.src = `/frame?${number}`;
  }
  const of = (type) => heard.filter((message) => message.type === type);
  // How many messages of a type there are when there are so many, and the newest; nothing if that takes too long.
  function newest(type, count, patience) {
    return new Promise((resolve) => {
      const look = () => of(type).length >= count && resolve([of(type).length, of(type).at(-1)]);
      awaited = look;
      setTimeout(resolve, patience);
      look();
    });
  }
  frame.addEventListener("load", () => {
    if (!init) return;
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }) => {
      heard.push(data);
      awaited();
    };
    frame.contentWindow.postMessage({ labeling: "port", ...init }, "*", [channel.port2]);
  });
</script>"""
# What a browser says of files that don't come, which tests have reasons for.
_NO_FAULT = "Failed to load resource|frame-ancestors|blocked by CORS policy"


class Portal:
    """The server, and the page that plays the portal.

    :param page: of a browser.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.template = ""
        self.shown = 0
        self.files: dict[str, tuple[str, bytes]] = {"/picture.svg": ("image/svg+xml", PICTURE.encode())}
        self.without_cors: set[str] = set()
        """Files that pages of other sites may show and not read."""
        self.asked: list[str] = []
        portal = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                portal.serve(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request for the host page, the frame, the script or a file."""
        path = request.path.partition("?")[0]
        self.asked.append(request.path)
        headers = {}
        if path == "/":
            kind, body = "text/html", _HOST.encode()
        elif path in {"/frame", "/alone"}:
            kind, body = "text/html", self.template.encode()
            here = self.origin
            headers["Content-Security-Policy"] = (
                f"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' {here};"
                f"style-src 'unsafe-inline' {here};"
                f"img-src {here} data: blob:; media-src {here} data: blob:; connect-src {here} data: blob:;"
                f"frame-src {here} data:"
            )
        elif path.startswith("/static/") and (STATIC / Path(path).name).is_file():
            kind = "text/css" if path.endswith(".css") else "text/javascript"
            body = (STATIC / Path(path).name).read_bytes()
        elif path in self.files:
            kind, body = self.files[path]
        else:
            kind, body = "text/plain", b"There is no such file."
        request.send_response(200 if kind != "text/plain" else 404)
        request.send_header("Content-Type", f"{kind}; charset=utf-8")
        request.send_header("Content-Length", str(len(body)))
        # As the service's links to objects: pictures are asked for with CORS, from a frame of no site.
        if path not in self.without_cors:
            headers["Access-Control-Allow-Origin"] = "*"
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def open(self, template: str, script: str = SCRIPT, wait: bool = True, **init: Any) -> Task:
        """Show a template, as the service renders it.

        :param script: what stands for the tag of Amazon's script; empty if the template has it.
        :param init: what the portal tells with the port.
        """
        self.template = f'<!doctype html><html lang="en"><head><title>Task</title></head>{script}{template}'
        settings = {"draft": None, "language": "en", "keys": {}, "preview": False, "theme": "light", **init}
        if self.page.url != f"{self.origin}/":
            self.page.goto(self.origin)
        # The browser starts nothing anew but the frame, as the portal does.
        self.shown += 1
        task = Task(self.page)
        show = "([settings, number]) => show(settings, number)"
        if wait:
            self.page.evaluate(show, [settings, self.shown])
            task.heard("ready")
        else:
            # Until the new page has taken its place, clicks go to the one before it.
            place = f"{self.origin}/frame?{self.shown}"
            with self.page.expect_event("framenavigated", lambda frame: frame.url == place):
                self.page.evaluate(show, [settings, self.shown])
        return task

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()


class Task:
    """A task on the page."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frame = page.frame_locator("iframe")

    def __call__(self, selector: str) -> Any:
        """Something in the frame, also in shadow roots."""
        return self.frame.locator(selector)

    def all_heard(self, kind: str) -> list[dict[str, Any]]:
        """What the frame has said of one type."""
        return list(self.page.evaluate("type => of(type)", kind))

    def heard(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The newest message of one type, when there are so many."""
        return self._newest(kind, count, 10, kind)[1]

    def heard_until(self, kind: str, fits: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the newest message of one type fits: that message."""
        deadline = time.monotonic() + 10
        count, message = 0, None
        while message is None or not fits(message):
            count, message = self._newest(kind, count + 1, deadline - time.monotonic(), what)
        return message

    def _newest(self, kind: str, count: int, seconds: float, what: str) -> tuple[int, dict[str, Any]]:
        # The page waits, not this process, which would have to ask it again and again.
        arguments = [kind, count, max(0, PATIENCE * seconds * 1000)]
        message = self.page.evaluate("([type, count, patience]) => newest(type, count, patience)", arguments)
        if message is None:
            heard = str(self.page.evaluate("heard"))[:1000]
            raise StackError(f"{what}: not within {PATIENCE * seconds:.0f} s; heard {heard}")
        return message[0], message[1]

    def say(self, kind: str, **more: Any) -> None:
        """Say something to the frame."""
        self.page.evaluate("message => port.postMessage(message)", {"type": kind, **more})

    def evaluate(self, expression: str) -> Any:
        """Evaluate something in the frame."""
        return self.frame.locator(":root").evaluate(f"() => {expression}")

    def submit(self) -> dict[str, Any]:
        """Press the submit button; the answer that was sent."""
        before = self._count("submit")
        self.frame.get_by_role("button", name="Submit").click()
        return dict(self.heard("submit", before + 1)["answer"])

    def refused(self) -> str:
        """Press the submit button, which must find something wrong: what."""
        before = self._count("invalid")
        self.frame.get_by_role("button", name="Submit").click()
        message = str(self.heard("invalid", before + 1)["message"])
        assert not self._count("submit")
        return message

    def _count(self, kind: str) -> int:
        return int(self.page.evaluate("type => of(type).length", kind))

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is in the frame."""
        for key in keys:
            self.page.keyboard.press(key)

    def tap(self, selector: str) -> None:
        """Touch something."""
        self(selector).tap()

    def changed(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The change that told of an answer."""
        return self.heard_until("change", lambda message: bool(message["answer"] == wanted), f"the answer {wanted}")


@pytest.fixture(scope="session")
def built() -> None:
    """The script, built from these sources."""
    subprocess.run([sys.executable, str(ROOT / "frontend" / "build.py")], check=True, timeout=300)


# Of these files, not of the whole run: while Playwright's browser is open, no test can use asyncio.
@pytest.fixture(scope="package")
def browser(built: None) -> Iterator[Any]:
    """A browser in which frames of no site share a process, and so the screen, with the page around them.

    A process more of each costs a fifth of the time. The portal's own tests have it.
    """
    with browser_page(without=["IsolateSandboxedIframes"]) as page:
        yield page.context.browser


@pytest.fixture(scope="module")
def _portal(browser: Any) -> Iterator[Portal]:
    with another_page(browser, has_touch=True, reduced_motion="reduce") as page, closing(Portal(page)) as portal:
        yield portal


@pytest.fixture
def portal(_portal: Portal) -> Iterator[Portal]:
    """The portal; a page that breaks a rule of the browser fails its test."""
    errors: list[str] = []
    page = _portal.page
    page.set_viewport_size({"width": 1280, "height": 800})

    def heed(message: Any) -> None:
        if message.type == "error" and not re.search(_NO_FAULT, message.text):
            errors.append(message.text)

    def broken(error: Any) -> None:
        errors.append(str(error))

    page.on("console", heed)
    page.on("pageerror", broken)
    _portal.asked.clear()
    yield _portal
    page.remove_listener("console", heed)
    page.remove_listener("pageerror", broken)
    page.unroute_all()
    assert errors == []


@pytest.fixture
def on_screen(browser: Any) -> Iterator[Callable[[float], Portal]]:
    """The portal on a screen with so many pixels of its own for one of a page."""
    with ExitStack() as shown:

        def show(ratio: float) -> Portal:
            page = shown.enter_context(another_page(browser, device_scale_factor=ratio))
            return shown.enter_context(closing(Portal(page)))

        yield show


def noted(element: Any, name: str) -> Callable[[], bool]:
    """Have the page note when a button of an element has a name, however shortly: a busy machine's look may come later.

    :return: says whether it has had it by now.
    """
    element.evaluate(
        """(element, name) => {
          element.noted = false;
          const root = element.shadowRoot;
          const look = () => { element.noted ||= root.querySelector(`button[aria-label="${name}"]`) !== null; };
          new MutationObserver(look).observe(root, { subtree: true, childList: true, attributes: true });
        }""",
        name,
    )
    return lambda: bool(element.evaluate("(element) => element.noted"))
