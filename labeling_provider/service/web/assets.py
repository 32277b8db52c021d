"""The files that workers' pages load: the elements, the portal's own, and replacements for files of other sites.

They are held in memory, as they are and compressed. Their addresses contain a hash of their content, so that a
browser asks for each just once.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from labeling_provider.groundtruth.uris import is_web_address
from labeling_provider.service.failures import StartError
from labeling_provider.service.web.requests import STATIC_PATH

ELEMENTS: Final = "crowd-html-elements.js"
STYLES: Final = "crowd-html-elements.css"
SCRIPTS: Final = (ELEMENTS, "crowd-html-elements-frames.js", "crowd-html-elements-clouds.js")
"""The scripts of which a page loads one."""
BUILT: Final = Path(__file__).parent / "static"
MAX_ASSET_BYTES: Final = 32 << 20
MAX_OUTSIDE: Final = 200

NOT_BUILT: Final = (
    f"The scripts of the worker pages are missing: there is no {ELEMENTS} in {BUILT}. An installed package has them; "
    "in a checkout of the source, install the package again (make setup) to build them."
)
_COMPRESSED: Final = ("text/", "application/javascript", "application/json", "image/svg+xml")
_HASH_CHARACTERS: Final = 16
_COMMON: Final = {
    "x-content-type-options": "nosniff",
    # A worker's template runs in a frame without an origin, so every request for these files is cross-origin.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
}


@dataclass(frozen=True)
class _File:
    body: bytes
    content_type: str

    @cached_property
    def packed(self) -> bytes | None:
        """The file, compressed; None if that is not worthwhile."""
        if not self.content_type.startswith(_COMPRESSED):
            return None
        packed = gzip.compress(self.body, 9, mtime=0)
        return packed if len(packed) < len(self.body) else None


class Assets:
    """The files, and an ASGI application that serves them below :data:`STATIC_PATH`.

    :param folder: where the built files are.
    :param outside: files that replace those of other sites, by address.
    """

    def __init__(self, folder: Path = BUILT, outside: Mapping[str, bytes] | None = None) -> None:
        self._folder = folder
        self.outside: dict[str, str] = {}
        """Paths of the replacements for files of other sites, by address."""
        self._files: dict[str, _File] = {}
        for address, body in (outside or {}).items():
            digest = hashlib.sha256(body).hexdigest()[:_HASH_CHARACTERS]
            name = PurePosixPath(unquote(urlsplit(address).path)).name or "file"
            path = f"{digest}/{_plain(name)}"
            self._files[path] = _file(path, body)
            self.outside[address] = f"{STATIC_PATH}/{path}"

    @property
    def is_built(self) -> bool:
        """Whether the elements are there."""
        return ELEMENTS in self._names

    def address(self, name: str) -> str:
        """The path of one of the built files; it is served as not found if it was not built."""
        return f"{STATIC_PATH}/{self._names.get(name, name)}"

    def all(self) -> Iterator[tuple[str, bytes, str]]:
        """Address, body and content type of each file."""
        if self._names:
            for path, file in self._files.items():
                yield f"{STATIC_PATH}/{path}", file.body, file.content_type

    @cached_property
    def _built(self) -> dict[str, str]:
        """Path by name of the built files."""
        bodies = {
            path.relative_to(self._folder).as_posix(): path.read_bytes()
            for path in sorted(self._folder.rglob("*"))
            if path.is_file()
        }
        whole = hashlib.sha256()
        for name, body in bodies.items():
            whole.update(f"{name} {len(body)} ".encode() + body)
        digest = whole.hexdigest()[:_HASH_CHARACTERS]
        names = {name: f"{digest}/{name}" for name in bodies}
        self._files |= {names[name]: _file(name, body) for name, body in bodies.items()}
        return names

    @property
    def _names(self) -> dict[str, str]:
        if not self._built:
            # Somebody may be about to build them.
            del self._built
        return self._built

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. The path is what comes after :data:`STATIC_PATH`, or all of it."""
        response = self._answer(scope)
        await response(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("405 These files can only be read.\n", 405, {**_COMMON, "allow": "GET, HEAD"})
        path = scope["path"].removeprefix(STATIC_PATH).removeprefix("/")
        names, caching = self._names, "public, max-age=31536000, immutable"
        file = self._files.get(path)
        if file is None:
            # An address of an earlier version, or without a version: serve the present file, not to be cached.
            _, _, name = path.partition("/")
            file = self._files.get(names.get(name, "")) or self._files.get(names.get(path, ""))
            caching = "no-cache"
        if file is None:
            return PlainTextResponse(f"404 {'There is no such file.' if names else NOT_BUILT}\n", 404, _COMMON)
        headers = {**_COMMON, "cache-control": caching, "content-type": file.content_type}
        accepted = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1").lower()
        if file.packed is None:
            return Response(file.body, headers=headers)
        headers["vary"] = "accept-encoding"
        if "gzip" not in accepted:
            return Response(file.body, headers=headers)
        return Response(file.packed, headers={**headers, "content-encoding": "gzip"})


def read_outside(listing: Path) -> dict[str, bytes]:
    """The files that replace those of other sites, by address.

    :param listing: a JSON file ``{"https://…": "path"}``; paths are relative to it.
    :raises StartError: naming the key that is wrong.
    """
    option = f"--template-assets {listing}"
    try:
        given: Any = json.loads(listing.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StartError(f"{option} cannot be read as JSON: {error}") from None
    if not isinstance(given, dict) or len(given) > MAX_OUTSIDE:
        raise StartError(f'{option} must be an object {{"https://…": "path"}} of at most {MAX_OUTSIDE} files')
    bodies, left = {}, MAX_ASSET_BYTES
    for address, path in given.items():
        if not is_web_address(address) or not isinstance(path, str):
            raise StartError(f"{option}: {address!r}: write an address like https://example.com/a.js and a file's path")
        file = listing.parent / path
        try:
            left -= file.stat().st_size
            if left < 0:
                raise StartError(f"{option}: the files have more than {MAX_ASSET_BYTES:,} bytes together")
            bodies[address] = file.read_bytes()
        except OSError as error:
            raise StartError(f"{option}: {address!r}: {file}: {error.strerror}") from None
    return bodies


def _file(name: str, body: bytes) -> _File:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if guessed in {"application/javascript", "application/x-javascript"}:
        guessed = "text/javascript"
    return _File(body, f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed)


def _plain(name: str) -> str:
    """A file's name without characters that a URL would have to escape."""
    return "".join(
        character if character.isascii() and (character.isalnum() or character in "._-") else "-" for character in name
    )[-100:]
