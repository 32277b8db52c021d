"""``labeling preview``: a worker template as workers will see it, without a service. Nothing is submitted.

The page is rendered again each time it is loaded, so that an editor and a browser can be used side by side.
"""

from __future__ import annotations

import argparse
import base64
import mimetypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from labeling_provider.errors import LabelingError, counted, printable
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.documents import strict_json
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.request.templates import label_names, parse_category_document
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.failures import ObjectFailure
from labeling_provider.service.kinds import KINDS
from labeling_provider.service.kinds.kind import JobFacts
from labeling_provider.service.web.assets import NOT_BUILT, Assets, read_outside
from labeling_provider.service.web.frame import frame_headers, frame_html, message_page, outside_addresses
from labeling_provider.service.web.liquid import MAX_TEMPLATE, TemplateError, render
from labeling_provider.service.web.listener import listen, serve
from labeling_provider.service.web.object_links import Links, Signer, make_link_credentials
from labeling_provider.service.web.origins import is_local_name
from labeling_provider.service.web.requests import STATIC_PATH, RequestHead

MAX_INPUT_BYTES: Final = 32 << 20
MAX_INLINE_BYTES: Final = 32 << 20
_OBJECTS_PATH: Final = "/objects"
_LINK_SECONDS: Final = 3600


class PreviewError(LabelingError):
    """A preview that can't be made; the text says which file is wrong, and why."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling preview",
        description="Render a worker template with an input, check it, and show it in a browser as workers will see "
        "it. The page submits nothing: it shows the answer.",
    )
    options.add_argument("template", type=Path, metavar="TEMPLATE", help="the template: HTML with Liquid")
    options.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON: what the template gets as task.input; with --task-type a manifest line. From a file with several "
        "lines, one is taken",
    )
    options.add_argument("--line", type=int, default=1, help="which line of FILE (default %(default)s)")
    options.add_argument(
        "--task-type",
        default="custom",
        choices=sorted(KINDS),
        help="make task.input of a manifest line as the built-in functions of this task type do (default %(default)s: "
        "the line itself)",
    )
    options.add_argument("--categories", type=Path, metavar="FILE", help="label category file, for --task-type")
    options.add_argument(
        "--files",
        type=Path,
        metavar="FOLDER",
        help="where objects are: s3://BUCKET/KEY is FOLDER/BUCKET/KEY or FOLDER/KEY. Others are read from S3, with "
        "credentials as boto3 finds them",
    )
    options.add_argument(
        "--template-assets",
        type=Path,
        metavar="FILE",
        help="as for labeling local: files that replace those of other sites",
    )
    options.add_argument("--output", type=Path, metavar="FILE", help="write the page to a file instead of serving it")
    options.add_argument("--port", type=int, default=0, help="port to serve it on; 0 takes a free one (default)")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Preview a template.

    :return: the exit status: 1 if the template is wrong, 2 if something else is.
    """
    chosen = parser().parse_args(arguments)
    try:
        return _preview(chosen)
    except TemplateError as error:
        print(f"{printable(str(chosen.template))}: {printable(str(error))}", file=sys.stderr)
        return 1
    except LabelingError as error:
        print(f"labeling preview: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _preview(chosen: argparse.Namespace) -> int:
    assets = Assets(outside=read_outside(chosen.template_assets) if chosen.template_assets else None)
    if not assets.is_built:
        raise PreviewError(NOT_BUILT)
    source = PreviewSource(chosen.template, chosen.input, chosen.line, chosen.task_type, chosen.categories)
    if chosen.output:
        links = _links(FolderObjects(chosen.files, None), "")
        document = _whole(source.rendered(links), links, assets)
        _tell_outside(document, links, "")
        try:
            chosen.output.write_text(document, "utf-8", "replace")
        except OSError as error:
            raise PreviewError(f"{chosen.output}: {error.strerror}") from None
        return 0
    listening = listen("127.0.0.1", chosen.port)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    preview = Preview(source, FolderObjects(chosen.files, base), assets, base)
    _tell_outside(*preview.document(), base)
    print(f"{base}/", flush=True)
    serve(preview, listening, lambda: None)
    return 0


@dataclass(frozen=True)
class PreviewSource:
    """The sources of a preview.

    :param template: the template's file.
    :param input: the input's file.
    :param line: the number of the input line, from 1.
    :param task_type: the task type whose functions make ``task.input`` of it.
    :param categories: the label category file.
    """

    template: Path
    input: Path
    line: int
    task_type: str
    categories: Path | None

    def rendered(self, links: Links) -> str:
        """The template, rendered.

        :raises TemplateError: if it is wrong.
        :raises PreviewError: if another file is wrong.
        """
        source = _text(self.template, MAX_TEMPLATE * 4)
        return render(source, self.task_input(), links.grant)

    def task_input(self) -> dict[str, Any]:
        """What the template gets as ``task.input``.

        :raises PreviewError: if a file is wrong.
        """
        line = self._line()
        categories: dict[str, Any] = {"labels": []}
        if self.categories:
            try:
                categories = parse_category_document(_text(self.categories, MAX_INPUT_BYTES))
            except ValueError as error:
                raise PreviewError(f"{self.categories}: {error}") from None
        facts = JobFacts(
            name="preview",
            arn="",
            attribute="label",
            task_type=TASK_TYPES[self.task_type],
            labels=label_names(categories),
            categories=categories,
            workers_per_object=1,
            output="",
            request=JobRequest({"HumanTaskConfig": {"TaskTitle": self.template.stem}}),
            object_store=FolderObjects(None, None),
        )
        try:
            return KINDS[self.task_type](facts).task_input(line)
        except (ValueError, ObjectFailure) as error:
            raise PreviewError(f"{self.input}: {error}") from None

    def _line(self) -> dict[str, Any]:
        text = _text(self.input, MAX_INPUT_BYTES)
        try:
            line = strict_json(text)
        except ValueError as whole:
            lines = [row for row in text.splitlines() if row.strip()]
            if not 1 <= self.line <= len(lines):
                raise PreviewError(
                    f"{self.input} has {counted(len(lines), 'line')}: there is no line {self.line}."
                ) from None
            try:
                line = strict_json(lines[self.line - 1])
            except ValueError as error:
                reason = whole if len(lines) == 1 else error
                raise PreviewError(f"{self.input} line {self.line} is not JSON: {reason}") from None
        if not isinstance(line, dict):
            raise PreviewError(f"{self.input} must hold a JSON object.")
        return line


class FolderObjects(ObjectStore):
    """Objects as files in a folder.

    :param folder: the folder; None if there are no objects.
    :param base: where they are served; None to embed them in their links.
    """

    def __init__(self, folder: Path | None, base: str | None) -> None:
        self._folder, self._base = folder, base

    def read(self, uri: str) -> bytes:
        raise MissingObject(uri)

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        raise MissingObject(next(iter(files), ""))

    def delete_below(self, prefix: str) -> int:
        return 0

    def version(self, uri: str) -> None:
        return None

    def find(self, bucket: str, key: str) -> Path | None:
        """The file of an object; None if there is none in the folder."""
        if self._folder is None:
            return None
        folder = self._folder.resolve()
        try:
            places = [(folder / path).resolve() for path in (f"{bucket}/{key}", key)]
            return next((place for place in places if place.is_relative_to(folder) and place.is_file()), None)
        except (OSError, ValueError):
            return None

    def link(self, bucket: str, key: str, signed_at: datetime, seconds: int) -> str:
        """Where the page finds an object: in the folder, in the link itself, or at Amazon.

        :raises PreviewError: if it should be in the link itself, but is too large.
        """
        file = self.find(bucket, key)
        if file is None:
            return _link_at_amazon(bucket, key, seconds)
        if self._base is not None:
            return f"{self._base}{_OBJECTS_PATH}/{quote(f'{bucket}/{key}')}"
        body = file.read_bytes()
        if len(body) > MAX_INLINE_BYTES:
            raise PreviewError(f"{file} is too large to be embedded in the page: leave --output out.")
        return _data_address(mimetypes.guess_type(file.name)[0] or "application/octet-stream", body)


class Preview:
    """An ASGI application that shows a template.

    :param base: its address: ``http://host:port``.
    """

    def __init__(self, source: PreviewSource, files: FolderObjects, assets: Assets, base: str) -> None:
        self._source, self._files, self._assets, self._base = source, files, assets, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> ASGIApp:
        try:
            request = RequestHead.of(scope)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it
            return PlainTextResponse(f"400 {error}\n", 400)
        if not is_local_name(request.host_name):
            return PlainTextResponse("403 This preview does not answer for that host.\n", 403)
        if request.path.startswith(f"{STATIC_PATH}/"):
            return self._assets
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("405 A preview can only be looked at.\n", 405, {"allow": "GET, HEAD"})
        if request.path.startswith(f"{_OBJECTS_PATH}/"):
            bucket, _, key = unquote(request.path.removeprefix(f"{_OBJECTS_PATH}/")).partition("/")
            file = self._files.find(bucket, key)
            # The page has no origin, so it may read our files only if headers allow it.
            headers = {"access-control-allow-origin": "*", "content-security-policy": "sandbox"}
            return (
                FileResponse(file, headers=headers) if file else PlainTextResponse("404 There is no such file.\n", 404)
            )
        return self._page() if request.path == "/" else PlainTextResponse("404 There is no such page.\n", 404)

    def _page(self) -> Response:
        try:
            document, links = self.document()
        except LabelingError as error:
            return message_page(str(error), 422)
        return Response(
            document.encode("utf-8", "replace"), 200, frame_headers(self._base, links.given), "text/html; charset=utf-8"
        )

    def document(self) -> tuple[str, Links]:
        """The page, and the links in it.

        :raises TemplateError: if the template is wrong.
        :raises PreviewError: if another file is wrong.
        """
        links = _links(self._files, self._base)
        return frame_html(self._source.rendered(links), self._assets, title="Preview"), links


def _links(files: FolderObjects, base: str) -> Links:
    return Signer(files, make_link_credentials(), "us-east-1").links(base, _LINK_SECONDS)


def _whole(rendered: str, links: Links, assets: Assets) -> str:
    """The page as one file, with everything that it loads embedded."""
    places = [address for address in links.given if not address.startswith("data:")]
    headers = frame_headers("", places)["content-security-policy"].split("; ")
    # The directives that a policy inside a document can have.
    policy = "; ".join(header for header in headers if not header.startswith(("sandbox", "frame-ancestors")))
    policy = policy.replace("script-src ", "script-src data: ").replace("style-src ", "style-src data: ")
    document = frame_html(rendered, assets, title="Preview", policy=policy.replace(f" {STATIC_PATH}/", ""))
    for address, body, content_type in assets.all():
        document = document.replace(f'"{address}"', f'"{_data_address(content_type, body)}"')
    return document


def _tell_outside(document: str, links: Links, base: str) -> None:
    for address in outside_addresses(document, base, links.given):
        message = f"The page may not load {address}: workers' pages load nothing from other sites (--template-assets)."
        print(printable(message), file=sys.stderr)


def _data_address(content_type: str, body: bytes) -> str:
    return f"data:{content_type.replace(' ', '')};base64,{base64.b64encode(body).decode()}"


def _link_at_amazon(bucket: str, key: str, seconds: int) -> str:
    """A link to an object in S3, or at the endpoint that boto3 is configured for; its S3 URI without credentials."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        client = boto3.client("s3")
        where = {"Bucket": bucket, "Key": key}
        return str(client.generate_presigned_url("get_object", Params=where, ExpiresIn=seconds))
    except (BotoCoreError, ValueError):
        return f"s3://{bucket}/{key}"


def _text(file: Path, max_bytes: int) -> str:
    """A file's text.

    :raises PreviewError: if it can't be read, or is too large.
    """
    try:
        with file.open("rb") as opened:
            body = opened.read(max_bytes + 1)
    except OSError as error:
        raise PreviewError(f"{file}: {error.strerror}") from None
    if len(body) > max_bytes:
        raise PreviewError(f"{file} has more than {max_bytes:,} bytes.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PreviewError(f"{file} is not UTF-8 text.") from None


if __name__ == "__main__":
    sys.exit(main())
