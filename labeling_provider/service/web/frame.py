"""The page in the frame where a worker's template runs.

A template is foreign code. It gets a document without an origin (``sandbox`` without ``allow-same-origin``), and a
policy that lets it load nothing but the elements, the objects of its own task and the operator's replacements for files
of other sites. It talks to the portal through a message port that the elements' script gets.
Source: HTML standard, "Sandboxing"; Content Security Policy Level 3; developer guide, "Creating a custom worker task
template" for the scripts' addresses.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse, Response

from labeling_provider.groundtruth.documents import plain
from labeling_provider.rendering.environment import render
from labeling_provider.service.web.assets import ELEMENTS, NOT_BUILT, SCRIPTS, STYLES, Assets
from labeling_provider.service.web.requests import STATIC_PATH

SANDBOX: Final = "allow-scripts allow-forms allow-modals"
MAX_PLACES: Final = 100
"""Most objects that the policy names one by one; for more, it names folders."""
_MAX_VALUE: Final = 4_000
_MAX_TITLE: Final = 300

# Linear in any markup: without a closing quote soon, it is not a tag.
_QUOTED: Final = rf"""(?:[^<>"']|"[^"]{{0,{_MAX_VALUE}}}"|'[^']{{0,{_MAX_VALUE}}}')*+"""
_TAG: Final = re.compile(
    rf"<(?:script|link|img|source|video|audio|iframe|embed|track|input)\b{_QUOTED}>", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"""\b(src|href|poster)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_AMAZONS: Final = re.compile(
    r"(?:https?:)?//assets\.crowd\.aws/(?:[\w.-]+/){0,5}crowd-html-elements[\w.-]*?\.(js|css)(?:[?#].*)?", re.IGNORECASE
)
_SCRIPT: Final = re.compile(r"<script\b", re.IGNORECASE)
_DOCTYPE: Final = re.compile(r"\s*(?:<!--.*?-->\s*)*<!doctype\b[^>]*>", re.IGNORECASE | re.DOTALL)
_HTML_OR_HEAD: Final = re.compile(r"<(html|head)\b[^>]*>", re.IGNORECASE)
_LOOKED_AT: Final = 10_000
"""Characters at the beginning of a page that are searched for its head."""


def frame_page(
    rendered: str, assets: Assets, base: str, *, objects: Collection[str] = (), title: str = "", language: str = "en"
) -> Response:
    """The answer that shows a rendered template in the frame.

    :param rendered: HTML.
    :param base: the service as the browser sees it: ``http://host:port``.
    :param objects: links to the objects that the page may load.
    :param title: the document's title.
    :param language: the document's language, such as ``en``.
    """
    if not assets.is_built:
        return message_page(NOT_BUILT, 503)
    body = frame_html(rendered, assets, title=title, language=language)
    return HTMLResponse(body.encode("utf-8", "replace"), headers=frame_headers(base, objects))


def message_page(message: str, status: int, language: str = "en") -> Response:
    """A page that says why there is no other.

    :param language: the message's language.
    """
    content = render("service/web/templates/message.html", message=message, language=language)
    return HTMLResponse(content, status, frame_headers(""))


def frame_html(rendered: str, assets: Assets, *, title: str = "", language: str = "en", policy: str = "") -> str:
    """A rendered template as a document, with our elements in place of Amazon's, or added if it names none.

    :param policy: a content policy to write into a document that is served without headers.
    """
    has_elements = False

    def changed(tag: re.Match[str]) -> str:
        def other(attribute: re.Match[str]) -> str:
            name, equals, value = attribute.groups()
            quotes = value[0] if value[0] in "\"'" else ""
            address = html.unescape(value[1:-1] if quotes else value).strip()
            amazons = _AMAZONS.fullmatch(address)
            if amazons:
                nonlocal has_elements
                is_script = amazons[1].lower() == "js"
                has_elements |= is_script and tag[0][1:7].lower() == "script"
                script = next((name for name in SCRIPTS if address.endswith(f"/{name}")), ELEMENTS)
                new = assets.address(script if is_script else STYLES)
            elif address in assets.outside:
                new = assets.outside[address]
            else:
                return attribute[0]
            return f'{name}{equals}"{new}"'

        return _ADDRESS.sub(other, tag[0])

    body = _TAG.sub(changed, rendered)
    added = "" if has_elements else f'<script src="{assets.address(ELEMENTS)}"></script>\n'
    if policy:
        added = f'<meta http-equiv="content-security-policy" content="{html.escape(policy)}">\n{added}'
    return _with_head(body, added, title, language)


def _with_head(body: str, added: str, title: str, language: str) -> str:
    """A document with a doctype, its encoding and further content at its beginning."""
    beginning = body[:_LOOKED_AT]
    doctype = _DOCTYPE.match(beginning)
    start = doctype.end() if doctype else 0
    places = list(_HTML_OR_HEAD.finditer(beginning, start))
    before_script = _SCRIPT.search(beginning)
    places = [place for place in places if before_script is None or place.start() < before_script.start()]
    if places:
        place = places[-1].end()
        head = f'<meta charset="utf-8">\n{added}'
        return ("" if doctype else "<!doctype html>\n") + body[:place] + head + body[place:]
    head = f'<html lang="{html.escape(language)}"><meta charset="utf-8">'
    head += f"<title>{html.escape(plain(title, _MAX_TITLE))}</title>\n{added}"
    return (body[:start] if doctype else "<!doctype html>\n") + head + body[start:]


def frame_headers(base: str, objects: Collection[str] = ()) -> dict[str, str]:
    """The headers of the document in the frame.

    :param base: the service as the browser sees it.
    :param objects: links to the objects that the page may load.
    """
    own = f"{base}{STATIC_PATH}/"
    data = " ".join(["data:", "blob:", own, *_places(objects)])
    policy = {
        "default-src": "'none'",
        "script-src": f"'unsafe-inline' 'unsafe-eval' {own}",
        "style-src": f"'unsafe-inline' {own}",
        **dict.fromkeys(("img-src", "media-src", "font-src", "connect-src"), data),
        "frame-src": " ".join(["data:", "blob:", *_places(objects)]),
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": SANDBOX,
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "private, no-store",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()",
    }


def _places(objects: Collection[str]) -> list[str]:
    """The addresses of objects as a policy names them, without query strings."""
    exact = dict.fromkeys(_source(address) for address in objects)
    if len(exact) > MAX_PLACES:
        exact = dict.fromkeys(source.rpartition("/")[0] + "/" for source in exact)
    if len(exact) > MAX_PLACES:
        # Up to the bucket, the first part of the path.
        exact = dict.fromkeys("/".join(source.split("/")[:4]) + "/" for source in exact)
    return list(exact)[:MAX_PLACES]


def _source(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path, safe='/~-_.%')}"


def outside_addresses(document: str, base: str, objects: Collection[str] = ()) -> list[str]:
    """Addresses of other sites that a document names and the policy will not let it load, each once.

    :param document: the frame's HTML.
    :param base: the service as the browser sees it.
    :param objects: links to the objects that the page may load.
    """
    allowed = {_source(address) for address in objects}
    addresses = dict[str, None]()
    for tag in _TAG.finditer(document):
        for attribute in _ADDRESS.finditer(tag[0]):
            address = html.unescape(attribute[3].strip("\"'")).strip()
            if not re.match(r"(?:https?:)?//", address, re.IGNORECASE) or address.startswith(base + STATIC_PATH):
                continue
            if _source(address) not in allowed:
                addresses[address] = None
    return list(addresses)
