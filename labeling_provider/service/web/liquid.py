"""Worker templates: Liquid, rendered as Amazon's pages on templates describe.

Templates and their inputs come from outside. So everything printed is escaped, a template sees nothing but its input,
and everything it does is bounded: its size and nesting, its loops, what it keeps and prints, and its time.
Sources: developer guide, "Creating a custom worker task template" and "Add automation with Liquid"; for the dialect
Shopify's reference. A list or an object printed bare comes out as JSON, as Amazon's own templates need it.
"""

from __future__ import annotations

import html
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final, TextIO

from liquid import Environment
from liquid.ast import Node
from liquid.builtin import output
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.filters import misc
from liquid.builtin.tags import echo_tag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidSyntaxError, OutputStreamLimitError, ResourceLimitError
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.template import BoundTemplate
from liquid.token import Token
from liquid.undefined import Undefined
from markupsafe import Markup, escape

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota

MAX_TEMPLATE: Final = Quota.TEMPLATE
"""Most characters of a template."""
MAX_NESTING: Final = 30
"""Most levels of nested blocks."""
MAX_ITERATIONS: Final = 100_000
"""Most iterations of all loops in one rendering together."""
MAX_OUTPUT: Final = 32 << 20
"""Most bytes that a template may print, and most characters of any intermediate string."""
MAX_KEPT: Final = 64 << 20
"""Most bytes, approximately, of all variables of a template together."""
MAX_ITEMS: Final = 1_000_000
"""Most items of a list that a filter makes."""
MAX_SECONDS: Final = 1.0
"""Most CPU time of one rendering, in seconds, checked once that much time has passed by the clock."""

_MAX_BLANKS: Final = 200
_MAX_BRACKETS: Final = 1_000_000
_MAX_NUMBER: Final = 10**300
_MAX_DATE: Final = 100
_KEPT_PARSED: Final = 32
_SHOWN: Final = 200
_STEPS_PER_LOOK: Final = 32

_OPENING: Final = re.compile(r"\{\{|\{%")
_TAG_NAME: Final = re.compile(r"-?\s*(\w*)")
_END_OF: Final = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}
_BLANKS: Final = re.compile(rf"\s{{{_MAX_BLANKS}}}")
_BLOCKS: Final = frozenset({"if", "unless", "case", "for", "tablerow", "capture", "comment", "ifchanged"})
_PARTIALS: Final = ("include", "render")
# Not on Amazon's pages; the first one prints its input unchanged.
_NOT_OURS: Final = ("safe", "escapejs")


class TemplateError(LabelingError):
    """A template that can't be rendered; the text says where and what is wrong.

    :ivar code: one word for the kind of trouble: ``SyntaxError``, ``RenderError`` or ``LimitExceeded``.
    """

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"Line {line}: {message}")
        self.code = code


def render(source: str, task_input: Any, grant: Callable[[str], str]) -> str:
    """The HTML that a template renders from its input.

    :param source: the template.
    :param task_input: what the template knows as ``task.input``; JSON.
    :param grant: the filter ``grant_read_access``: returns an address that a browser can read, for one in the input.
    :raises TemplateError: if the template is wrong, or does too much.
    """
    template = parse(source)
    context = _Context(template, globals={"task": {"input": task_input}})
    context.grant = grant
    buffer = context.get_buffer()
    with _TemplateErrors(source):
        template.render_with_context(context, buffer)
    return buffer.getvalue()


@lru_cache(maxsize=_KEPT_PARSED)
def parse(source: str) -> BoundTemplate:
    """A template, ready to be rendered any number of times, in any thread.

    :raises TemplateError: if it is wrong.
    """
    if len(source) > MAX_TEMPLATE:
        message = f"The template has {len(source):,} characters; at most {MAX_TEMPLATE:,} are allowed."
        raise TemplateError("LimitExceeded", message)
    _check_tags(source)
    with _TemplateErrors(source):
        template = _ENVIRONMENT.from_string(source)
        for expression in _expressions(template.nodes):
            if isinstance(expression, FilteredExpression):
                for applied in expression.filters or ():
                    if applied.name not in _ENVIRONMENT.filters:
                        raise LiquidSyntaxError(f"There is no filter {applied.name!r}.", token=applied.token)
            elif type(expression) is RangeLiteral:
                expression.__class__ = _Range
    return template


def _check_tags(source: str) -> None:
    """Refuse templates that would take the parser too much time or stack: its look-ahead is unbounded.

    :raises TemplateError: naming the line.
    """
    position, blocks = 0, list[tuple[str, int]]()

    def refuse(code: str, message: str, at: int) -> TemplateError:
        return TemplateError(code, message, _line(source, at))

    while opening := _OPENING.search(source, position):
        start, closing = opening.start(), "}}" if opening[0] == "{{" else "%}"
        end = source.find(closing, start + 2)
        if end < 0:
            raise refuse("SyntaxError", f"{opening[0]} is not closed by {closing}.", start)
        inside, position = source[start + 2 : end], end + 2
        brackets = inside.count("(") + inside.count("[")
        if brackets * len(inside) > _MAX_BRACKETS or _BLANKS.search(inside):
            raise refuse("LimitExceeded", "This tag has too many brackets or blanks.", start)
        if opening[0] == "{{":
            continue
        named = _TAG_NAME.match(inside)
        name = named[1] if named else ""
        if name in _END_OF:
            over = _END_OF[name].search(source, position)
            if over is None:
                raise refuse("SyntaxError", f"{{% {name} %}} is not closed by {{% end{name} %}}.", start)
            position = over.end()
        elif blocks and name == f"end{blocks[-1][0]}":
            blocks.pop()
        elif name in _BLOCKS and (name == "comment" or not blocks or blocks[-1][0] != "comment"):
            blocks.append((name, start))
        if len(blocks) > MAX_NESTING:
            raise refuse("LimitExceeded", f"Blocks are nested more than {MAX_NESTING} levels deep.", start)
    if blocks:
        name, start = blocks[-1]
        raise refuse("SyntaxError", f"{{% {name} %}} is not closed by {{% end{name} %}}.", start)


def _line(source: str, position: int) -> int:
    return source.count("\n", 0, position) + 1


class _TemplateErrors:
    """Turns every error into a :class:`TemplateError`, which says where it occurred."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RecursionError) or isinstance(getattr(error, "__cause__", None), RecursionError):
            raise TemplateError("LimitExceeded", "An expression, or what it prints, is nested too deeply.") from None
        if isinstance(error, LiquidError):
            token = error.token
            at = None if token is None or token.start_index < 0 else _line(self._source, token.start_index)
            message = _sentence(str(error.message))
            code = "RenderError"
            if isinstance(error, OutputStreamLimitError):
                code, message = "LimitExceeded", f"It prints more than {MAX_OUTPUT:,} bytes."
            elif isinstance(error, ResourceLimitError):
                code = "LimitExceeded"
            elif isinstance(error, LiquidSyntaxError):
                code = "SyntaxError"
            raise TemplateError(code, message, at) from None
        if isinstance(error, UnicodeError):
            raise TemplateError("RenderError", "The task's input is not valid Unicode.") from None
        if isinstance(error, Exception) and not isinstance(error, TemplateError):
            message = _sentence(f"{type(error).__name__}: {error}")
            raise TemplateError("RenderError", message) from error


def _sentence(text: str) -> str:
    sentence = " ".join(text.split())[:_SHOWN] or "It can't be rendered"
    first = sentence.partition(" ")[0]
    return (
        (sentence[0].upper() if first.isalpha() else sentence[0])
        + sentence[1:]
        + ("" if sentence.endswith(".") else ".")
    )


def _expressions(nodes: list[Node]) -> Iterator[Expression]:
    """All expressions of a template, however deep."""
    static = RenderContext(BoundTemplate(_ENVIRONMENT, []))
    waiting: list[Node] = list(nodes)
    while waiting:
        node = waiting.pop()
        waiting += node.children(static, include_partials=False)
        inside: list[Expression] = list(node.expressions())
        while inside:
            expression = inside.pop()
            inside += expression.children()
            yield expression


# What is printed


def text_of(value: Any) -> str:
    """A value as a template prints it, not escaped yet."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return to_json(value)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    return "" if isinstance(value, Mapping) else str(value)


def to_json(value: Any) -> str:
    """JSON text that is safe inside a script element: nothing in it ends the element, or begins a comment."""
    if isinstance(value, Undefined):
        value = None
    text = _JSON.encode(value)
    return text.replace("</", "<\\/").replace("<!--", "\\u003c!--")


def _escape(text: str) -> Markup:
    """A string as markup, unless it is markup. HTML reads a bare carriage return as a line feed, or drops it."""
    escaped = escape(text)
    if isinstance(text, Markup) or "\r" not in escaped:
        return escaped
    return Markup(str(escaped).replace("\r", "&#13;"))  # noqa: S704 - it is escaped


_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=text_of)


class _Output(output.OutputNode):
    """``{{ … }}``."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        context.step()  # type: ignore[attr-defined]
        return buffer.write(_escape(text_of(self.expression.evaluate(context))))


class _OutputTag(output.Output):
    node_class = _Output


class _Echo(_Output):
    __slots__ = ()

    def __str__(self) -> str:
        return f"{{% echo {self.expression} %}}"


class _EchoTag(echo_tag.EchoTag):
    node_class = _Echo  # type: ignore[assignment]


class _NoPartial(Tag):
    """``include`` and ``render``, which would need other files."""

    block = False

    def __init__(self, environment: Environment, name: str) -> None:
        super().__init__(environment)
        self.name = name

    def parse(self, stream: TokenStream) -> Node:
        raise LiquidSyntaxError(
            f"A worker template is one file: there is nothing to {self.name}.", token=stream.current
        )


# What is bounded


class _Limit(ResourceLimitError):
    """A bound that a template runs into."""

    def __init__(self, message: str, token: Token | None = None) -> None:
        super().__init__(message, token=token)


class _Range(RangeLiteral):
    """``(1..n)``, which some filters and ``reversed`` turn into a list."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        numbers = super().evaluate(context)
        if numbers.stop - numbers.start > MAX_ITERATIONS:
            raise _Limit(f"A range has more than {MAX_ITERATIONS:,} numbers.", self.token)
        return numbers


class _Context(RenderContext):
    """One rendering, which counts what it does.

    :ivar grant: the filter ``grant_read_access``.
    """

    grant: Callable[[str], str]

    def __init__(self, template: BoundTemplate, *, globals: Mapping[str, object]) -> None:
        super().__init__(template, globals=globals)
        self._until, self._cpu_until = time.monotonic() + MAX_SECONDS, 0.0
        self._steps = self._turns = self._kept = 0
        # Every tag checks whether it is among these before it does anything: the one place that all of them pass.
        self.disabled_tags = _Steps(self)

    def step(self) -> None:
        """Count something that takes little time."""
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0:
            self.look()

    def look(self) -> None:
        """End the rendering if its time is over."""
        # The clock is cheap to read, CPU time is not.
        if time.monotonic() < self._until:
            return
        if not self._cpu_until:
            self._cpu_until = time.thread_time() + MAX_SECONDS
        elif time.thread_time() > self._cpu_until:
            raise _Limit("It takes too long to compute.")

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._turns += length
        if self._turns > MAX_ITERATIONS:
            raise _Limit(f"Its loops run more than {MAX_ITERATIONS:,} times.")

    def assign(self, key: str, val: Any) -> None:
        self._kept += _weight(val) - (_weight(self.locals[key]) if key in self.locals else 0)
        self.locals[key] = val
        if self._kept > MAX_KEPT:
            raise _Limit(f"Its variables hold more than {MAX_KEPT:,} bytes.")

    def get_buffer(self, buf: TextIO | None = None) -> LimitedStringIO:
        # Line breaks stay as they are.
        return LimitedStringIO(MAX_OUTPUT - (buf.size if isinstance(buf, LimitedStringIO) else 0), newline="")

    def get_item(self, obj: Any, key: Any) -> Any:
        if isinstance(obj, dict) and key not in obj:
            # Captured text is escaped already, and a number stands for the text of a JSON key.
            if isinstance(key, Markup) and (plain := key.unescape()) in obj:
                return obj[plain]
            if isinstance(key, int) and str(key) in obj:
                return obj[str(key)]
        return super().get_item(obj, key)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.look()
        return partial(_filtered, super().filter(name, token), name, token)


class _Steps(list[str]):
    """Takes the place of the names of disabled tags, and contains none."""

    def __init__(self, context: _Context) -> None:
        super().__init__([""])
        self._context = context

    def __contains__(self, _: object) -> bool:
        self._context.step()
        return False


def _weight(value: Any) -> int:
    """About how many bytes a variable takes."""
    if isinstance(value, str):
        return 64 + len(value)
    return 64 + 64 * len(value) if isinstance(value, list | tuple) else 64


_OF_TEXTS: Final = frozenset(
    {
        *("append", "prepend", "remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last"),
        *("capitalize", "downcase", "upcase", "lstrip", "rstrip", "strip", "squish", "strip_newlines", "newline_to_br"),
        *("escape", "escape_once", "strip_html", "split", "truncate", "truncatewords", "url_decode", "url_encode"),
        *("base64_decode", "base64_encode", "base64_url_safe_decode", "base64_url_safe_encode"),
    }
)
"""The filters that turn their left side into a string."""
_GIVEN_AS_IS: Final = (str, int, float, Undefined)


def _filtered(
    function: Callable[..., Any], name: str, token: Token | None, left: Any, *given: Any, **named: Any
) -> Any:
    """What a filter makes of a value, within bounds."""
    if name in _OF_TEXTS:
        left = text_of(left)
        given = tuple(argument if isinstance(argument, _GIVEN_AS_IS) else text_of(argument) for argument in given)
    try:
        output = function(left, *given, **named)
    except LiquidError as error:
        error.token = error.token or token
        raise
    except UnicodeError:
        raise
    except Exception as error:
        raise LiquidError(f"The filter {name}: {error}", token=token) from error
    if isinstance(output, str) and len(output) > MAX_OUTPUT:
        raise _Limit(f"The filter {name} makes a string of more than {MAX_OUTPUT:,} characters.", token)
    if isinstance(output, list) and len(output) > MAX_ITEMS:
        raise _Limit(f"The filter {name} makes a list of more than {MAX_ITEMS:,} items.", token)
    if (isinstance(output, int) and abs(output) > _MAX_NUMBER) or (
        isinstance(output, float) and not math.isfinite(output)
    ):
        raise _Limit(f"The filter {name} makes too large a number.", token)
    return output


# Amazon's own filters, and those that differ from the library's


def _grant_read_access(value: Any, *, context: _Context) -> str:
    text = text_of(value).strip()
    # Captured text is escaped already.
    return context.grant(html.unescape(text) if isinstance(text, Markup) else text) if text else ""


_grant_read_access.with_context = True  # type: ignore[attr-defined]


def _skip_autoescape(value: Any) -> Markup:
    return Markup(text_of(value))  # noqa: S704 - the template says so


_ENTITY_OR_AMPERSAND: Final = re.compile(r"&(?!#\d{1,8};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};)")


def _escape_once(value: str) -> Markup:
    escaped = _ENTITY_OR_AMPERSAND.sub("&amp;", value)
    for character, entity in (("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        escaped = escaped.replace(character, entity)
    return Markup(escaped)  # noqa: S704 - it is escaped


def _replace(value: str, old: Any, new: Any = "") -> str:
    old, new = text_of(old), text_of(new)
    if isinstance(value, Markup):
        new = escape(new)
    if len(value) + value.count(old) * len(new) > MAX_OUTPUT:
        raise _Limit(f"The filter replace makes a string of more than {MAX_OUTPUT:,} characters.")
    return value.replace(old, new)


def _split(value: str, separator: Any) -> list[str]:
    separator = text_of(separator)
    if (value.count(separator) if separator else len(value)) > MAX_ITEMS:
        raise _Limit(f"The filter split makes a list of more than {MAX_ITEMS:,} items.")
    if not separator:
        return list(value)
    if not value or value == separator:
        return []
    return value.split(None if separator == " " else separator)


def _join(value: Any, separator: Any = " ") -> str:
    texts = [text_of(item) for item in (value if isinstance(value, list | tuple | range) else [value])]
    between = text_of(separator)
    if sum(map(len, texts)) + len(texts) * len(between) > MAX_OUTPUT:
        raise _Limit(f"The filter join makes a string of more than {MAX_OUTPUT:,} characters.")
    if any(isinstance(text, Markup) for text in texts):
        between = escape(between)
    return between.join(texts)


def _squish(value: str) -> str:
    return (Markup(" ") if isinstance(value, Markup) else " ").join(value.split())


def _uniq(value: Any, key: Any = None) -> list[Any]:
    items = value if isinstance(value, list | tuple | range) else [value]
    first: dict[str, Any] = {}
    for item in items:
        kept_by = item.get(key) if key is not None and isinstance(item, dict) else item
        first.setdefault(f"{type(kept_by).__name__}{text_of(kept_by)}", item)
    return list(first.values())


_MARKUP: Final = re.compile(r"<(?:(script|style)\b|(!--))?", re.IGNORECASE)
_MARKUP_END: Final = {
    "script": re.compile(r"</script\s{0,20}>", re.IGNORECASE),
    "style": re.compile(r"</style\s{0,20}>", re.IGNORECASE),
    "!--": re.compile("-->"),
    "": re.compile(">"),
}


def _strip_html(value: str) -> str:
    parts, position, unclosed = [], 0, set()
    while begins := _MARKUP.search(value, position):
        parts.append(str(value)[position : begins.start()])
        kind = (begins[1] or begins[2] or "").lower()
        ends = None if kind in unclosed else _MARKUP_END[kind].search(value, begins.end())
        if ends is None and kind:
            unclosed.add(kind)
            ends = _MARKUP_END[""].search(value, begins.end())
        if ends is None:
            position = begins.start()
            break
        position = ends.end()
    parts.append(str(value)[position:])
    kept = "".join(parts)
    return Markup(kept) if isinstance(value, Markup) else kept  # noqa: S704 - it was before


def _date(value: Any, form: Any, *, environment: Environment) -> Any:
    """Times as the library reads them; a string that is too long is not a time."""
    if isinstance(value, str) and len(value) > _MAX_DATE:
        return value
    return misc.date(value, form, environment=environment)


_date.with_environment = True  # type: ignore[attr-defined]

_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "grant_read_access": _grant_read_access,
    "skip_autoescape": _skip_autoescape,
    "to_json": to_json,
    "escape": _escape,
    "escape_once": _escape_once,
    "replace": _replace,
    "split": _split,
    "join": _join,
    "squish": _squish,
    "uniq": _uniq,
    "strip_html": _strip_html,
    "date": _date,
}


class _BoundTemplate(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    template_class = _BoundTemplate

    def error(self, exc: Any, msg: Any = None, token: Token | None = None) -> None:
        # The end of an expression has no position; the tag around it has one.
        if isinstance(exc, LiquidError) and exc.token is not None and exc.token.start_index < 0:
            exc.token = token
        super().error(exc, msg, token)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_OutputTag)
        self.add_tag(_EchoTag)
        for name in _PARTIALS:
            self.tags[name] = _NoPartial(self, name)
        # Its lines are parsed by unbounded rules, and Amazon's pages don't mention it.
        del self.tags["liquid"]
        for name in _NOT_OURS:
            self.filters.pop(name, None)
        self.filters.update(_FILTERS)


_ENVIRONMENT: Final = _Environment(autoescape=True)

__all__ = ["MAX_TEMPLATE", "TemplateError", "parse", "render", "text_of", "to_json"]
