"""Worker templates: what they print, what they may not do, and how they say what is wrong with them."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.web import liquid
from labeling_provider.service.web.liquid import MAX_TEMPLATE, TemplateError, render

INPUT = {
    "source-ref": "s3://b/it's&more.png",
    "labels": ["a'b", "<c>"],
    "map": {"k<": 1, "0": "zero", "a&b": "amp"},
    "flag": True,
    "nothing": None,
    "number": 1.5,
    "script": "<script>alert('1')</script>",
    "pairs": [["a", 1]],
}


def link(uri: str) -> str:
    return f"https://here/{uri.removeprefix('s3://')}?a=1&b=2"


def shown(source: str, task_input: Any = INPUT) -> str:
    """What a browser shows of a text that a template prints."""
    return html.unescape(render(source, task_input, link))


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("{{ task.input.source-ref }}", "s3://b/it&#39;s&amp;more.png"),
        ("{{ task.input['source-ref'] }}", "s3://b/it&#39;s&amp;more.png"),
        ("{{ task.input.script }}", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
        ("{{ task.input.script | escape }}", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
        ("{{ task.input.script | escape | escape }}", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
        ("{{ task.input.script | escape | escape_once }}", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
        ("{{ '1 < 2 &amp; 3 & 4' | escape_once }}", "1 &lt; 2 &amp; 3 &amp; 4"),
        ("{{ task.input.script | escape_once | skip_autoescape }}", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
        ("{{ task.input.script | skip_autoescape }}", "<script>alert('1')</script>"),
        ("{{ task.input.script | strip_html }}", ""),
        ("{{ '<b>x</b> <!-- <i> --> y <z' | strip_html }}", "x  y <z"),
        ("{{ task.input.labels }}", "[&#34;a&#39;b&#34;, &#34;&lt;c&gt;&#34;]"),
        ("{% echo task.input.labels %}", "[&#34;a&#39;b&#34;, &#34;&lt;c&gt;&#34;]"),
        ("{{ task.input.labels | to_json | escape }}", "[&#34;a&#39;b&#34;, &#34;&lt;c&gt;&#34;]"),
        ("{{ task.input.labels | to_json }}", "[&#34;a&#39;b&#34;, &#34;&lt;c&gt;&#34;]"),
        ("{{ task.input.labels | join: ', ' }}", "a&#39;b, &lt;c&gt;"),
        ("{{ task.input.labels[1] }}{{ task.input.labels.size }}{{ task.input.labels | first }}", "&lt;c&gt;2a&#39;b"),
        ("{{ task.input.map }}", "{&#34;k&lt;&#34;: 1, &#34;0&#34;: &#34;zero&#34;, &#34;a&amp;b&#34;: &#34;amp&#34;}"),
        ("{% for pair in task.input.map %}{{ pair[0] }}={{ pair[1] }};{% endfor %}", "k&lt;=1;0=zero;a&amp;b=amp;"),
        ("{% capture k %}0{% endcapture %}{{ task.input.map[k] }}", "zero"),
        ("{% capture k %}{{ 0 }}{% endcapture %}{{ task.input.map[k] }}", "zero"),
        ("{% for p in task.input.map %}{% capture k %}{{ p[0] }}{% endcapture %}{{ task.input.map[k] }}{% endfor %}",)
        * 1
        + ("1zeroamp",),
        ("{% for p in task.input.pairs %}{{ p }}{% endfor %}", "[&#34;a&#34;, 1]"),
        ("[{{ task.input.nothing }}{{ task.input.missing.deeper }}{{ missing }}]", "[]"),
        ("{{ task.input.flag }} {{ task.input.flag | append: '!' }}", "true true!"),
        (
            "{{ task.input.number }} {{ 'x' | append: task.input.labels }}",
            "1.5 x[&#34;a&#39;b&#34;, &#34;&lt;c&gt;&#34;]",
        ),
        ("{{ 'Ab' | downcase }}{% if task.input.flag %}yes{% else %}no{% endif %}", "abyes"),
        ("{{ (1..3) }} {% for i in (1..3) reversed %}{{ i }}{% endfor %}", "1..3 321"),
        ("{{ 'a,b,a' | split: ',' | uniq }}", "[&#34;a&#34;, &#34;b&#34;]"),
        ("{{ task.input.labels | first | replace: 'b', '<' }}", "a&#39;&lt;"),
        ("{{ '2024-05-03' | date: '%d.%m.' }}{{ task.input.source-ref | date: '%d' | slice: 0, 2 }}", "03.05.s3"),
        ("{% raw %}{{ x }}{% endraw %}{% comment %}{{ y }}{% endcomment %}", "{{ x }}"),
        ("{{ task.input.source-ref | grant_read_access }}", "https://here/b/it&#39;s&amp;more.png?a=1&amp;b=2"),
        (
            "{% capture u %}{{ task.input.source-ref }}{% endcapture %}{{ u | grant_read_access }}",
            "https://here/b/it&#39;s&amp;more.png?a=1&amp;b=2",
        ),
        (
            "{{ task.input.source-ref | escape | grant_read_access }}",
            "https://here/b/it&#39;s&amp;more.png?a=1&amp;b=2",
        ),
        ("{{ task.input.nothing | grant_read_access }}", ""),
        ("{{ task.input.labels | to_json | skip_autoescape }}", '["a\'b", "<c>"]'),
    ],
)
def test_a_template_prints_as_on_amazon(source: str, printed: str) -> None:
    assert render(source, INPUT, link) == printed


def test_json_in_a_script_can_not_end_the_script() -> None:
    data = {"x": "</script><!--<script>"}
    printed = render("{{ task.input | to_json | skip_autoescape }}", data, link)
    assert "</" not in printed
    assert "<!--" not in printed
    assert json.loads(printed) == data


_TEXTS = st.text(st.characters(codec="utf-8"))
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_TEXTS, inside, max_size=3),
    max_leaves=8,
)
_FILTERS = st.lists(
    st.sampled_from(
        (
            *("escape", "escape_once", "downcase", "strip", "upcase", "append: 'é'", "newline_to_br", "truncate: 9"),
            *("replace: 'a', task.input", "join: task.input", "split: 'b' | join: '<'", "url_encode", "strip_html"),
            *("strip_newlines", "prepend: task.input", "url_decode", "remove: 'l'", "remove: ';'", "slice: 0, 4"),
            *("default: task.input", "grant_read_access", "split: ''", "base64_encode | base64_decode", "reverse"),
            *("to_json", "squish", "capitalize", "compact"),
        )
    ),
    max_size=4,
)


@given(_TEXTS)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    """Bidi and zero-width characters are kept as well: offsets in the text count them."""
    assert shown("{{ task.input }}", text) == text
    assert shown("{{ task.input | escape }}", text) == text
    assert "<" not in render('<a b="{{ task.input }}">', text, link)[3:]


@given(_JSON)
def test_json_comes_out_of_an_attribute_as_it_went_in(value: Any) -> None:
    for source in ("{{ task.input | to_json }}", "{{ task.input | to_json | escape }}"):
        printed = render(source, value, link)
        assert json.loads(html.unescape(printed)) == value
        assert not set(printed) & set("<>\"'")
    assert json.loads(shown("{{ task.input.x }}", {"x": [value]})) == [value]


@given(_JSON, _FILTERS)
def test_no_chain_of_filters_lets_markup_of_the_data_through(value: Any, filters: list[str]) -> None:
    source = "{{ " + " | ".join(["task.input", *filters]) + " }}"
    try:
        printed = render(source, value, lambda text: text)
    except TemplateError:
        return
    # What a filter of the template itself adds.
    printed = printed.replace("<br />", "").replace("<br /", "").replace("<BR />", "")
    left = printed.replace("<", "", printed.count("<") if "split: 'b' | join: '<'" in filters else 0)
    assert not set(left) & set("<\"'") or "newline_to_br" in filters


@pytest.mark.parametrize("text", ["a\rb\r\nc\n", "\u202eabc\u202c", "a\u200bb\u200d\ufeff", "👩‍👩‍👧", "a\x00b"])
def test_unusual_characters_stay(text: str) -> None:
    """Bare carriage returns would become line feeds in a browser, which are not what offsets count."""
    for source in (
        "{{ task.input }}",
        "{{ task.input | escape }}",
        "{% capture x %}{{ task.input }}{% endcapture %}{{ x }}",
    ):
        assert shown(source, text) == text
        assert "\r" not in render(source, text, link)


@pytest.mark.parametrize(
    ("source", "line", "what"),
    [
        ("x\n{% if %}{% endif %}", 2, "Missing expression"),
        ("\n\n{{ x", 3, "{{ is not closed by }}"),
        ("{% assign x = 1", 1, "{% is not closed by %}"),
        ("a\n{{ 'x' | nothing }}", 2, "There is no filter 'nothing'"),
        ("{% if x %}\n{{ 'x' | safe }}{% endif %}", 2, "There is no filter 'safe'"),
        ("\n{% include 'x' %}", 2, "nothing to include"),
        ("\n{% render 'x' %}", 2, "nothing to render"),
        ("{% liquid echo 1 %}", 1, "Unexpected tag 'liquid'"),
        ("\n{% if a %}\n{% for x in y %}", 3, "{% for %} is not closed by {% endfor %}"),
        ("{% if a %}{% endfor %}{% endif %}", 1, "Unexpected tag 'endfor'"),
        ("a\n{{ 'x' | }}", 2, ""),
        ("\n{% raw %} {{", 2, "{% raw %} is not closed by {% endraw %}"),
        ("{% nothing %}", 1, "Unexpected tag 'nothing'"),
        ("\n{{ 1 | divided_by: 0 }}", 2, "divided_by: can't divide by 0"),
        ("\n{% break %}", 2, "Unexpected 'break'"),
        ("{{ a[" + "a[" * 200 + "}}", 1, ""),
    ],
)
def test_a_wrong_template_is_told_with_its_line(source: str, line: int, what: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(source, INPUT, link)
    assert str(caught.value).startswith(f"Line {line}: ")
    assert what in str(caught.value)
    assert len(str(caught.value)) < 300


_HOSTILE = {
    "a loop over a large range": "{% for i in (1..1000000000) %}{% endfor %}",
    "a large range reversed": "{% for i in (1..1000000000) reversed %}{% endfor %}",
    "a large range made a list": "{{ (1..1000000000) | reverse }}",
    "loops in loops": "{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}",
    "many loops": "{% for i in (1..90000) %}{% endfor %}" * 2,
    "table rows": "{% tablerow i in (1..90000) %}{% endtablerow %}" * 2,
    "tags without end": "{% for i in (1..100000) %}" + "{% if 1 == 1 %}{% endif %}" * 4000 + "{% endfor %}",
    "prints of nothing": "{% for i in (1..100000) %}" + '{{ "" }}' * 12_000 + "{% endfor %}",
    "filters without end": "{% for i in (1..100000) %}{% assign x = task.input | to_json %}{% endfor %}",
    "a text that doubles": "{% assign x = 'ab' %}{% for i in (1..60) %}{% assign x = x | append: x %}{% endfor %}",
    "a text that squares": "{% assign x = task.input.long | replace: 'a', task.input.long %}",
    "a text that squares by itself": "{% assign x = task.input.long | replace: '', task.input.long %}",
    "a text joined": "{{ task.input.long | split: '' | join: task.input.long }}",
    "a list that doubles": "{% assign x = task.input.labels %}{% for i in (1..60) %}{% assign x = x | concat: x %}"
    "{% endfor %}",
    "a number that squares": "{% assign x = 9 %}{% for i in (1..60) %}{% assign x = x | times: x %}{% endfor %}",
    "a large float": "{{ task.input.huge | times: 9 }}",
    "many variables": "".join(f"{{% assign x{i} = task.input.long | append: '{i}' %}}" for i in range(2500)),
    "much output": "{% for i in (1..10000) %}{{ task.input.long }}{% endfor %}",
    "much captured": "{% for i in (1..10000) %}{% capture x %}{{ x }}{{ task.input.long }}{% endcapture %}{% endfor %}",
    "deep blocks": "{% if a %}" * 2000 + "{% endif %}" * 2000,
    "a deep path": "{{ a" + "[a" * 900 + "]" * 900 + " }}",
    "a deep condition": "{% if a " + "or a " * 20_000 + "%}{% endif %}",
    "brackets": "{{ (" + "(" * 100_000 + " }}",
    "quoted brackets": "{{ " + '["' * 60_000 + " }}",
    "blanks": "{{" + " " * 100_000 + "}}",
    "openings": "{{" * 60_000,
    "raw openings": "{% raw %}" * 14_000,
    "size": "x" * (MAX_TEMPLATE + 1),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_template_is_ended(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liquid, "MAX_SECONDS", 0.05)
    data = {**INPUT, "long": "a" * 20_000, "huge": 1e308}
    with pytest.raises(TemplateError) as caught:
        render(_HOSTILE[name], data, link)
    assert caught.value.code in {"LimitExceeded", "SyntaxError"}, caught.value


@pytest.mark.parametrize("filter_name", ["strip_html", "escape_once", "squish", "uniq", "sort_natural", "date: '%d'"])
@pytest.mark.parametrize("part", ["<!--", "<script>", "<", "&", "&#", " \n", "1"])
def test_filters_of_long_texts_end(filter_name: str, part: str) -> None:
    render("{{ task.input | " + filter_name + " | size }}", part * 100_000, link)


def test_deep_data_is_refused_and_large_data_is_shown() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested too deeply"):
        render("{{ task.input }}", deep, link)
    text, labels = "x <y> é " * 1_250_000, [f"label {number}" for number in range(5_000)]
    source = "<p labels='{{ task.input.labels | to_json | escape }}'>{{ task.input.taskObject }}</p>"
    printed = render(source, {"taskObject": text, "labels": labels}, link)
    assert printed.endswith("x &lt;y&gt; é " * 1_250_000 + "</p>")
    assert "&#34;label 4999&#34;" in printed


def test_half_a_surrogate_pair_is_told() -> None:
    with pytest.raises(TemplateError, match="not valid Unicode"):
        render("{{ task.input }}", "a\ud800b", link)
