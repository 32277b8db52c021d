"""A page about the quality of labels: one file, no scripts, nothing from other hosts.

Everything in it that came from outside is escaped, pictures are embedded, and a content security policy lets nothing
else in.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import Final

from labeling_provider.manifest import Files, Label, LabelError, read_label
from labeling_provider.quality.measure import BINS, Quality, Sample
from labeling_provider.rendering.drawing import drawn_picture, marked_text, said, size_of, small_picture

_MOST_CLASSES: Final = 50
_MOST_WORKERS: Final = 100
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
    machine = quality.machine
    facts = {
        "objects": f"{quality.objects:,}",
        "labeled by people": f"{quality.people.labels:,}",
        "labeled by machine": f"{machine.labels:,}",
        "failed": f"{quality.failed:,}",
        "unlabeled": f"{quality.unlabeled:,}",
        "mean confidence": _share(quality.mean_confidence),
        "agreement (Krippendorff's alpha)": _share(quality.agreement),
        "to be labeled again": f"{quality.relabel:,}",
    }
    if quality.golden:
        facts[f"right, of {quality.golden:,} golden objects"] = _share(quality.golden_accuracy)
    if quality.golden_apart:
        facts["of a golden object's source, with other keys"] = f"{quality.golden_apart:,}"
    if machine.labels:
        facts["mean confidence by machine"] = _share(machine.mean_confidence)
    if machine.golden:
        facts[f"right by machine, of {machine.golden:,} golden objects"] = _share(machine.golden_accuracy)
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
    drawn = [_columns("by people", quality.people.histogram), _columns("by machine", quality.machine.histogram)]
    return f"<h2>Confidence</h2>{''.join(drawn)}" if any(drawn) else ""


def _columns(whose: str, histogram: Sequence[int]) -> str:
    most = max(histogram)
    if not most:
        return ""
    columns = "".join(
        f'<span style="height:{100 * count / most:.1f}%" '
        f'title="{number / BINS:.2f}–{(number + 1) / BINS:.2f}: {count:,}"></span>'
        for number, count in enumerate(histogram)
    )
    return (
        f'<div class="histogram" role="img" aria-label="Labels {whose} by confidence">{columns}</div>'
        f'<div class="scale"><span>0</span><span>at most {most:,} labels {whose} in a bin</span><span>1</span></div>'
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
    shown = f"<p>{marked_text(text, label)}</p>" if isinstance(text, str) else _picture(files, str(uri), label)
    name = escape(str(uri)[-200:]) if isinstance(uri, str) else ""
    return f"<figure>{shown}<figcaption><b>{sample.confidence:.2f}</b> {said(label)}<br>{name}</figcaption></figure>"


def _picture(files: Files, uri: str, label: Label | None) -> str:
    """A picture, embedded; nothing if it can't be read."""
    picture = small_picture(files, uri, size_of(label))
    if picture is None:
        return ""
    return drawn_picture(f"data:image/{picture.kind};base64,{base64.b64encode(picture.body).decode()}", label)
