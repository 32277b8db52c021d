"""A page about the quality of labels: one file, no scripts, nothing from other hosts.

Everything in it that came from outside is escaped, pictures are embedded, and a content security policy lets nothing
else in.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from io import BytesIO
from typing import Final

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import BoxesLabel, ClassesLabel, EntitiesLabel, Files, Label, LabelError, read_label
from labeling_provider.quality.measure import BINS, Quality, Sample

_MOST_CLASSES: Final = 50
_MOST_WORKERS: Final = 100
_MOST_TEXT: Final = 600
_MOST_PARTS: Final = 100
_MOST_SOURCE_BYTES: Final = 20 << 20
_MOST_PICTURE_BYTES: Final = 200 << 10
_MOST_PIXELS: Final = 50_000_000
_SIDE: Final = 480
_KINDS: Final = ((b"\x89PNG\r\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))
_COLORS: Final = ("#0b62c4", "#c2410c", "#15803d", "#a21caf", "#b45309", "#0e7490", "#be123c", "#4d7c0f")
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bar: #2f7d4f; --bad: #c0392b; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; }
.facts div { background: var(--soft); border-radius: .5rem; padding: .6rem .8rem; }
.facts b { display: block; font-size: 1.3rem; }
.verdict { border-left: .4rem solid var(--bar); background: var(--soft); padding: .6rem 1rem; margin: 1rem 0; }
.verdict.poor { border-color: var(--bad); }
.bar { background: var(--soft); height: .8rem; min-width: 6rem; }
.bar span { display: block; height: 100%; background: var(--bar); }
.histogram { display: flex; align-items: flex-end; gap: 2px; height: 9rem; border-bottom: 1px solid var(--line); }
.histogram span { flex: 1; background: var(--bar); } .scale { display: flex; justify-content: space-between; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
.samples figure { margin: 0; background: var(--soft); border-radius: .5rem; padding: .6rem; overflow-wrap: anywhere; }
.samples svg { width: 100%; height: auto; max-height: 20rem; } figcaption { font-size: .85rem; }
@media (max-width: 40rem) {
  th, td { padding: .3rem .2rem; font-size: .8rem; }
  td.number, th.number { white-space: normal; } .bar { min-width: 1rem; }
}
mark { border-radius: .2rem; padding: 0 .15rem; background: #ffd54a; color: #000; }
"""


def report_html(
    quality: Quality, files: Files, *, title: str, label_attribute: str, shortfalls: Sequence[str] = ()
) -> bytes:
    """The page.

    :param files: reads the pictures of the samples; one that can't be read is left out.
    :param title: what was measured, such as the URI of the manifest.
    :param shortfalls: in words, what is not as good as it was asked for.
    :return: HTML, UTF-8.
    """
    body = "".join(
        [
            f"<h1>Quality of {escape(title)}</h1>",
            _verdict(shortfalls),
            _facts(quality),
            _classes(quality),
            _histogram(quality),
            _workers(quality),
            _reasons("Failure reasons", quality.reasons.items()),
            _reasons("Not readable", ((problem, None) for problem in quality.problems)),
            _samples(quality.samples, files, label_attribute),
        ]
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Label quality</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    return page.encode(errors="backslashreplace")


def _verdict(shortfalls: Sequence[str]) -> str:
    if not shortfalls:
        return '<p class="verdict">Everything that was asked for is met.</p>'
    items = "".join(f"<li>{escape(one)}</li>" for one in shortfalls)
    return f'<div class="verdict poor">Not as good as asked for:<ul>{items}</ul></div>'


def _facts(quality: Quality) -> str:
    people = quality.labeled - quality.by_machine
    facts = {
        "objects": f"{quality.objects:,}",
        "labeled by people": f"{people:,}",
        "labeled by machine": f"{quality.by_machine:,}",
        "failed": f"{quality.failed:,}",
        "unlabeled": f"{quality.unlabeled:,}",
        "mean confidence": _share(quality.mean_confidence),
        "agreement (Krippendorff's alpha)": _share(quality.agreement),
        "to be labeled again": f"{quality.relabel:,}",
    }
    if quality.golden:
        facts[f"right, of {quality.golden:,} golden objects"] = _share(quality.golden_accuracy)
    cells = "".join(f"<div><b>{value}</b>{escape(name)}</div>" for name, value in facts.items())
    return f'<div class="facts">{cells}</div>'


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _classes(quality: Quality) -> str:
    if not quality.classes:
        return ""
    most = max(*quality.classes.values(), 1)
    rows = "".join(
        f'<tr><td><bdi>{escape(name)}</bdi></td><td class="number">{count:,}</td>'
        f'<td class="number">{count / max(quality.labeled, 1):.1%}</td><td>{_bar(count / most)}</td></tr>'
        for name, count in quality.classes.most_common(_MOST_CLASSES)
    )
    more = len(quality.classes) - _MOST_CLASSES
    rest = f"<p>And {more:,} rarer classes.</p>" if more > 0 else ""
    head = '<tr><th>Class</th><th class="number">Objects</th><th class="number">Share</th><th></th></tr>'
    return f"<h2>Classes</h2><table>{head}{rows}</table>{rest}"


def _bar(share: float) -> str:
    return f'<div class="bar"><span style="width:{100 * min(max(share, 0), 1):.1f}%"></span></div>'


def _histogram(quality: Quality) -> str:
    most = max(quality.histogram)
    if not most:
        return ""
    columns = "".join(
        f'<span style="height:{100 * count / most:.1f}%" '
        f'title="{number / BINS:.2f}–{(number + 1) / BINS:.2f}: {count:,}"></span>'
        for number, count in enumerate(quality.histogram)
    )
    return (
        f'<h2>Confidence</h2><div class="histogram" role="img" aria-label="Labels by confidence">{columns}</div>'
        f'<div class="scale"><span>0</span><span>at most {most:,} labels in a bin</span><span>1</span></div>'
    )


def _workers(quality: Quality) -> str:
    if not quality.workers:
        return ""
    rows = "".join(
        f'<tr><td>{escape(one.worker_id[:100])}</td><td class="number">{one.answers:,}</td>'
        f'<td class="number">{_share(one.accuracy)}</td>'
        f"<td>{'' if one.accuracy is None else _bar(one.accuracy)}</td>"
        f'<td class="number">{"–" if one.median_seconds is None else f"{one.median_seconds:,.1f} s"}</td></tr>'
        for one in quality.workers[:_MOST_WORKERS]
    )
    more = len(quality.workers) - _MOST_WORKERS
    rest = f"<p>And {more:,} further workers.</p>" if more > 0 else ""
    head = (
        '<tr><th>Worker</th><th class="number">Answers</th><th class="number">Agree with the label</th><th></th>'
        '<th class="number">Median time</th></tr>'
    )
    return (
        f"<h2>Workers</h2><p>{quality.answers:,} answers were looked at; {quality.answered:,} objects have answers.</p>"
        f"<table>{head}{rows}</table>{rest}"
    )


def _reasons(title: str, reasons: Iterable[tuple[str, int | None]]) -> str:
    rows = "".join(
        f'<tr><td><bdi>{escape(reason)}</bdi></td><td class="number">{"" if count is None else f"{count:,}"}</td></tr>'
        for reason, count in reasons
    )
    return f"<h2>{title}</h2><table>{rows}</table>" if rows else ""


def _samples(samples: Sequence[Sample], files: Files, attribute: str) -> str:
    if not samples:
        return ""
    with ThreadPoolExecutor(8) as pool:
        cards = pool.map(lambda one: _card(one, files, attribute), samples)
        return f'<h2>The least sure labels</h2><div class="samples">{"".join(cards)}</div>'


def _card(sample: Sample, files: Files, attribute: str) -> str:
    line = sample.line
    try:
        label = read_label(line, attribute)
    except LabelError as error:
        return f"<figure><figcaption>{escape(str(error))}</figcaption></figure>"
    uri, text = line.get("source-ref"), line.get("source")
    shown = f"<p><bdi>{_marked(text, label)}</bdi></p>" if isinstance(text, str) else _picture(files, str(uri), label)
    name = escape(str(uri)[-200:]) if isinstance(uri, str) else ""
    return f"<figure>{shown}<figcaption><b>{sample.confidence:.2f}</b> {_said(label)}<br>{name}</figcaption></figure>"


def _said(label: Label | None) -> str:
    if label is None:
        return ""
    if isinstance(label, ClassesLabel | BoxesLabel):
        names = list(label.class_names.values())
    elif isinstance(label, EntitiesLabel):
        names = list(dict.fromkeys(one.label for one in label.entities))
    else:
        names = [label.about.class_name or ""]
    return ", ".join(f"<bdi>{escape(name[:100])}</bdi>" for name in names[:_MOST_PARTS])


def _marked(text: str, label: Label | None) -> str:
    """A text with its entities marked."""
    entities = sorted(label.entities, key=lambda one: one.start) if isinstance(label, EntitiesLabel) else []
    parts, position = [], 0
    for one in entities[:_MOST_PARTS]:
        if one.start < position or one.end > _MOST_TEXT:
            continue
        parts.append(escape(text[position : one.start]))
        marked = f"<bdi>{escape(text[one.start : one.end])}</bdi>"
        parts.append(f'<mark title="{escape(one.label)}">{marked}</mark>')
        position = one.end
    rest = escape(text[position:_MOST_TEXT]) + ("…" if len(text) > _MOST_TEXT else "")
    return "".join(parts) + rest


def _picture(files: Files, uri: str, label: Label | None) -> str:
    """A picture with its boxes drawn over it; nothing if it can't be read."""
    data = _embedded(files, uri)
    if data is None:
        return ""
    if not isinstance(label, BoxesLabel) or min(label.size.width, label.size.height) <= 0:
        return f'<svg viewBox="0 0 100 75"><image href="{data}" width="100" height="75"/></svg>'
    width, height = label.size.width, label.size.height
    colors = {number: _COLORS[place % len(_COLORS)] for place, number in enumerate(label.class_names)}
    return (
        f'<svg viewBox="0 0 {width} {height}"><image href="{data}" width="{width}" height="{height}"/>'
        f"{''.join(_outlines(label, colors))}</svg>"
    )


def _outlines(label: BoxesLabel, colors: dict[int, str]) -> Iterator[str]:
    for box in label.boxes[:_MOST_PARTS]:
        name = escape(label.class_names.get(box.class_id, str(box.class_id)))
        yield (
            f'<rect x="{box.left}" y="{box.top}" width="{max(box.width, 0)}" height="{max(box.height, 0)}" fill="none" '
            f'stroke="{colors.get(box.class_id, _COLORS[0])}" stroke-width="2" vector-effect="non-scaling-stroke">'
            f"<title>{name}</title></rect>"
        )


def _embedded(files: Files, uri: str) -> str | None:
    """A picture as a data URI, small; None if it can't be read, is none, or is too large to be embedded."""
    body = bytearray()
    try:
        for chunk in files.chunks(uri):
            body += chunk
            if len(body) > _MOST_SOURCE_BYTES:
                return None
    except (LabelingError, ValueError):
        return None
    small = _small(bytes(body))
    kind = next((kind for start, kind in _KINDS if small.startswith(start)), None)
    if kind is None or len(small) > _MOST_PICTURE_BYTES:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(small).decode()}"


def _small(body: bytes) -> bytes:
    """A picture made smaller, where Pillow is there to do it."""
    try:
        from PIL import Image
    except ImportError:
        return body
    try:
        with Image.open(BytesIO(body)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return b""
            if len(body) <= _MOST_PICTURE_BYTES and max(image.size) <= _SIDE:
                return body
            image.thumbnail((_SIDE, _SIDE))
            smaller = BytesIO()
            image.convert("RGB").save(smaller, "JPEG", quality=80)
            return smaller.getvalue()
    except (OSError, ValueError, Image.DecompressionBombError):
        return b""
