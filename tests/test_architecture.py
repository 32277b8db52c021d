"""The rules of the house, by folder: see docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

from dev.house import circles, count
from dev.stack import ROOT
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.groundtruth.model import service_model
from labeling_provider.groundtruth.objects import CREATION_DATE, FAILURE_REASON, HUMAN_ANNOTATED, JOB_NAME, METADATA
from labeling_provider.groundtruth.task_types import TASK_TYPES
from tests.snippets import blocks

PACKAGE = ROOT / "labeling_provider"
PLAIN = ("errors", "groundtruth", "request", "manifest", "quality", "rendering")
"""Plain Python, each on top of those before it."""
BELOW = {
    # Whatever reads labels does not know how a job was asked for.
    **{room: tuple(lower for lower in PLAIN[:floor] if lower != "request") for floor, room in enumerate(PLAIN)},
    "client": PLAIN,
    "jobs": (*PLAIN, "client"),
    "streaming": (*PLAIN, "client", "jobs"),
    "service": PLAIN,
}
"""What each room that knows nothing of Airflow may import."""
MAX_STAGE_LINES = 250
MAX_CLASS_LINES = 325
MAX_METHODS = 25
"""Methods of a class, without properties. Beyond that, a class is a hall that everybody crosses."""
SERVICE = ("database", "cloud", "kinds", "work", "learning", "engine", "web")
"""The self-hosted service's rooms, each on top of those before it."""
AIRFLOWS = ("hooks", "operators", "decorators", "sensors", "triggers", "notifications")
"""Rooms whose files are called after what they do it to, as Airflow does: an operator, its sensor and its trigger."""
MAX_LOOSE = 5
"""How many modules may lie at the package's root, outside of any room."""
OTHERS_TOO = {
    "CreationTime",
    "HumanTaskUiArn",
    "Key",
    "NextToken",
    "RoleArn",
    "Tags",
    "Value",
    "VpcConfig",
    "WorkteamArn",
}
"""Members of a labeling job's request or description that other documents have as well: workteams, tags, models …"""
WRITERS = (PACKAGE / "request" / "builder.py", PACKAGE / "request" / "workforces.py")
"""Modules that write a labeling job's request, and may not read what is in it."""
CONTRACT = re.compile(
    r"annotations/(consolidated|intermediate|worker-response)|manifests/output|amazonaws\.com|arn:aws|^f['\"]arn:|^groundtruth/[\w-]+$"
)
"""Texts of Amazon's contract, for which ``groundtruth.layout`` and ``groundtruth.facts`` have functions."""
KEYS = {
    *(METADATA, JOB_NAME, HUMAN_ANNOTATED, CREATION_DATE, FAILURE_REASON),
    *("CognitoConfig", "OidcConfig", "CognitoMemberDefinition", "OidcMemberDefinition"),
}
"""Keys of Amazon's documents that ``groundtruth.objects`` names or ``groundtruth.workforce_identity`` reads."""
LIMIT_WORD = re.compile("_?((most|least|fewest)(_|$)|maximum_)", re.IGNORECASE)
NO_LIMITS = {"least_confident", "most_changed"}
"""Objects that are the least or the most of something."""
VAGUE = {"one", "found", "thing", "things", "told"}
"""What a variable is called by who does not say what it holds."""
PARTICIPLES = {"said", "made", "begun"}
"""The same, where it takes longer to find out what is meant than in a test."""
NAMED = ("labeling_provider/**", "dags/**", "dev/**", "benchmarks/**", "tests/**", "frontend")
"""Folders in which no variable and no function is called so."""
SCRIPT_VARIABLE = re.compile(r"(?:\bfor |\bconst |\blet |\()(\w+)(?: in | of |\) =>|, [^()]*\) =>)|\b(\w+)(?: =>| = )")
"""A variable in Python or JavaScript that stands in a text."""

WALL_TIME = {
    "clock": "it is the clock",
    "database/database": "rows are stamped as they are written",
    "cloud/embedded/": "stands for Amazon's services, which have clocks of their own",
    "cloud/process_host": "a custom function's process, which names its log as Lambda does",
    "kinds/drawings/handlers": "a ready function, which knows no more than a custom one",
    "web/entrance": "requests are signed by the clocks of those who send them",
    "web/object_links": "S3 checks links by its own clock",
    "web/task_pages": "keeps what holds links for as long as they are the same",
}
"""Modules and folders of the service that ask the machine for the time, not the clock that is handed in; and why."""
OWN_PARTS = {
    ("engine", "engine", "Leases"): "calls the engine back",
}
"""What works on the database, and is made by the only class that needs it; and why."""
_OF_MACHINE = {
    "time.time",
    "time.time_ns",
    "time.gmtime",
    "time.localtime",
    "datetime.now",
    "datetime.utcnow",
    "utcnow",
}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    """A file, parsed once for all tests."""
    return ast.parse(path.read_text())


@cache
def house_figures() -> dict[str, object]:
    """The figures of ``python -m dev.house``."""
    return count(ROOT)


def modules() -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Each module's file, and its dotted name below the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, path.relative_to(PACKAGE).with_suffix("").parts


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, also inside functions and for type checkers: dotted names, in parts."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE.name:
            yield from ((PACKAGE.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield tuple(node.module.split("."))
        elif isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)


def test_each_room_imports_only_what_lies_below_it() -> None:
    wrong = []
    for path, (room, *_) in modules():
        for name in imports(path):
            if room not in BELOW:
                continue
            own = name[0] == PACKAGE.name
            if name[0] == "airflow" or (own and len(name) > 1 and name[1] not in (room, *BELOW[room])):
                wrong.append(f"{path.relative_to(PACKAGE)}: {'.'.join(name)}")
    assert wrong == []


def test_airflow_rooms_know_nothing_of_the_service() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}: {'.'.join(name)}"
        for path, (room, *_) in modules()
        for name in imports(path)
        if name[:2] == (PACKAGE.name, "service") and room not in ("service", "cli")
    ]
    assert wrong == []


def test_inside_the_service_the_way_goes_down() -> None:
    wrong = []
    for path, parts in modules():
        if parts[0] != "service" or parts[1] not in SERVICE:
            continue
        for name in imports(path):
            if name[:2] == (PACKAGE.name, "service") and name[2] in SERVICE[SERVICE.index(parts[1]) + 1 :]:
                wrong.append(f"{path.relative_to(PACKAGE)}: {'.'.join(name)}")
    assert wrong == []


def test_sql_is_in_one_room() -> None:
    wrong = [
        path.relative_to(PACKAGE)
        for path, parts in modules()
        if parts[0] == "service" and parts[1] != "database"
        if any(name[0] in {"sqlalchemy", "alembic"} for name in imports(path))
    ]
    assert wrong == []


def test_what_works_on_the_database_is_handed_in() -> None:
    """``wiring.py`` makes it. What is embedded or real is chosen, and connected, in ``cloud``."""
    made = set()
    for path, parts in modules():
        if parts[0] != "service" or parts[1] not in SERVICE[SERVICE.index("kinds") :]:
            continue
        methods = (part for node in tree(path).body if isinstance(node, ast.ClassDef) for part in ast.walk(node))
        for node in methods:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id[0].isupper():
                given = {ast.unparse(argument).removeprefix("self._") for argument in node.args}
                made |= {(*parts[1:], node.func.id)} if "database" in given else set()
    assert made == set(OWN_PARTS), "hand it in, or say in OWN_PARTS why not"


def test_every_move_of_a_task_is_made_in_one_module() -> None:
    moves = "offer|accept|accept_this|accept_next|save|submit|decline|release|give_back|return_late|expire|withdraw"
    made = re.compile(rf"\btask_rows\.({moves}|replace_declined)\b")
    makers = {parts for path, parts in modules() if made.search(path.read_text())}
    assert makers == {("service", "work", "tasks")}


def test_the_stages_of_a_job_are_short() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path, parts in modules() if parts[1:2] == ("engine",)}
    assert {name: length for name, length in lengths.items() if length > MAX_STAGE_LINES} == {}


def test_what_is_embedded_is_known_in_one_folder() -> None:
    embedded = (PACKAGE.name, "service", "cloud", "embedded")
    wrong = [
        f"{path.relative_to(PACKAGE)}: {'.'.join(name)}"
        for path, parts in modules()
        for name in imports(path)
        if (name[0] == "moto" or name[:4] == embedded) and parts[:3] != embedded[1:]
        if parts != ("service", "cloud", "cloud")
    ]
    assert wrong == []


def test_no_module_imports_itself_over_others_and_few_lie_loose() -> None:
    house = house_figures()
    assert house["circles of modules"] == []
    assert house["circles of rooms"] == []
    assert len(cast(list[str], house["loose modules"])) <= MAX_LOOSE


def test_no_class_grows_into_a_hall() -> None:
    house = house_figures()
    (longest, lines), (busiest, methods) = (
        cast(tuple[str, int], house[what]) for what in ("longest class", "most methods")
    )
    assert lines <= MAX_CLASS_LINES, f"{longest}: make it several classes"
    assert methods <= MAX_METHODS, f"{busiest}: make it several classes"


def test_a_circle_of_imports_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_a_job_status_is_written_in_one_place() -> None:
    """``Failed`` is a word of SNS as well."""
    texts = set(JobStatus) - {JobStatus.FAILED}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
        for path, parts in modules()
        if parts != ("groundtruth", "job")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value in texts
    ]
    assert wrong == []


def texts_in(path: Path) -> Iterator[tuple[int, str]]:
    """A file's texts with their lines, without docstrings. Of an f-string, the whole source."""
    docs = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_a_fact_of_amazons_contract_stands_in_one_room() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path, parts in modules()
        if parts[0] != "groundtruth"
        for line, text in texts_in(path)
        if CONTRACT.search(text)
    ]
    assert wrong == []


def test_a_key_of_amazons_documents_stands_in_one_room() -> None:
    """A part of an f-string is a key as well, unless it says more than that."""
    written = KEYS | {key.encode() for key in KEYS}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
        for path, parts in modules()
        if parts[0] != "groundtruth"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value in written
    ]
    assert wrong == []


def test_nothing_asks_which_task_type_it_has() -> None:
    """What differs between them is a column of their table, or a kind."""
    asked = []
    for path, parts in modules():
        if parts == ("groundtruth", "task_types"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Compare | ast.match_case):
                inside = list(ast.walk(node.pattern if isinstance(node, ast.match_case) else node))
                named = {part.value for part in inside if isinstance(part, ast.Constant)}
                is_media = any(isinstance(part, ast.Attribute) and part.attr == "media" for part in inside)
                if is_media or named & set(TASK_TYPES):
                    asked.append(f"{path.relative_to(PACKAGE)}:{inside[0].lineno}: {ast.unparse(node)}")
    assert asked == []


def members(shape: Any) -> Iterator[str]:
    """The names of the members of a shape of botocore's model, at any depth."""
    if shape.type_name == "list":
        yield from members(shape.member)
    for name, member in shape.members.items() if shape.type_name == "structure" else ():
        yield name
        yield from members(member)


def named_members(path: Path) -> Iterator[tuple[int, str]]:
    """The members of documents that a file names by texts: ``x["Name"]``, ``x.get("Name")``; with their lines."""
    if path.suffix == ".html":
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield from ((number, name) for name in re.findall(r"""(?:\[|\.get\()["'](\w+)["']""", line))
        return
    for node in ast.walk(tree(path)):
        value: ast.AST | None = None
        if isinstance(node, ast.Subscript) and not (isinstance(node.ctx, ast.Store) and path in WRITERS):
            value = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            value = node.args[0] if node.func.attr in {"get", "pop", "setdefault"} else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.lineno, value.value


def test_a_labeling_jobs_documents_are_read_in_one_room() -> None:
    """Others ask ``JobRequest``, ``JobDescription`` and ``EditableRequest``."""
    model = service_model()
    documents = (
        model.operation_model("CreateLabelingJob").input_shape,
        *(model.operation_model(name).output_shape for name in ("DescribeLabelingJob", "ListLabelingJobs")),
    )
    own = {name for document in documents for name in members(document)} - OTHERS_TOO
    assert "UiTemplateS3Uri" in own
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path in (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html"))
        if "groundtruth" not in path.parts
        for line, name in named_members(path)
        if name in own
    ]
    assert wrong == []


def asks_the_machine(path: Path) -> bool:
    """Whether a module takes the time from its machine. What a duration is measured with does not count."""
    stamp = (PACKAGE.name, "service", "database", "database")
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _OF_MACHINE:
            return True
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.name for alias in node.names}
            is_stamp = tuple(node.module.split(".")) == stamp and "now" in names
            if is_stamp or (node.module == "time" and names & {"time", "time_ns", "gmtime", "localtime"}):
                return True
    return False


def test_the_service_takes_the_time_from_its_clock() -> None:
    folders = tuple(place for place in WALL_TIME if place.endswith("/"))
    asking = {
        next((folder for folder in folders if "/".join(parts[1:]).startswith(folder)), "/".join(parts[1:]))
        for path, parts in modules()
        if parts[0] == "service" and asks_the_machine(path)
        if parts[1] != "database" or parts[2] == "database"
    }
    assert asking == set(WALL_TIME), "use service.clock.Clock, or say in WALL_TIME why not"


def class_definitions() -> dict[str, ast.ClassDef]:
    """Every class of the package by its name; no name stands for two."""
    return {node.name: node for path, _ in modules() for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)}


def ancestors(name: str, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    """The names of a class and of all its bases; for bases from elsewhere, only their own."""
    yield name
    for base in classes[name].bases if name in classes else ():
        yield from ancestors(ast.unparse(base).partition("[")[0].rpartition(".")[2], classes)


def documentation(function: Function, owner: ast.ClassDef | None, classes: Mapping[str, ast.ClassDef]) -> str:
    """A function's docstring; a method's with those of the methods that it overrides, a constructor's of its class."""
    texts = [ast.get_docstring(function)]
    if owner is not None and function.name in {"__init__", "__post_init__", "execute", "execute_complete"}:
        texts.append(ast.get_docstring(owner))
    for base in ancestors(owner.name, classes) if owner is not None else ():
        for node in classes[base].body if base in classes else ():
            if isinstance(node, Function) and node.name == function.name:
                texts.append(ast.get_docstring(node))
    return "\n".join(filter(None, texts))


def raised(node: ast.AST) -> Iterator[str]:
    """The names of the exceptions that a function itself raises, not one inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            yield ast.unparse(error).rpartition(".")[2]
        elif not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield from raised(child)


def public_functions() -> Iterator[tuple[str, Function, ast.ClassDef | None]]:
    """The public functions of every module, and the public methods and constructors of its public classes."""
    for path, parts in modules():
        for outer in tree(path).body:
            owner = outer if isinstance(outer, ast.ClassDef) else None
            if owner and owner.name.startswith("_"):
                continue
            for node in owner.body if owner else [outer]:
                if isinstance(node, Function) and (not node.name.startswith("_") or node.name == "__init__"):
                    yield ".".join((*parts, *([owner.name] if owner else []), node.name)), node, owner


def errors_of_ours(classes: Mapping[str, ast.ClassDef]) -> set[str]:
    """The names of the package's public exceptions, and of the functions that make one."""
    errors = {
        name
        for name in classes
        if not name.startswith("_") and any(base.endswith(("Error", "Exception")) for base in ancestors(name, classes))
    }
    functions = (node for path, _ in modules() for node in ast.walk(tree(path)) if isinstance(node, Function))
    return errors | {node.name for node in functions if node.returns and ast.unparse(node.returns) in errors}


def test_a_public_function_that_raises_an_error_of_ours_says_so() -> None:
    classes = class_definitions()
    errors = errors_of_ours(classes)
    assert {"LabelingError", "LabelError", "JobFailure", "validation_error"} <= errors
    silent = [
        f"{where}: {', '.join(sorted(own))}"
        for where, function, owner in public_functions()
        if (own := errors.intersection(raised(function)))
        if ":raises " not in documentation(function, owner, classes)
    ]
    assert silent == []


def test_what_others_may_call_outside_the_service_says_what_it_does() -> None:
    classes = class_definitions()
    silent = [
        where
        for where, function, owner in public_functions()
        if not where.startswith("service.") and function.name != "__init__"
        if not documentation(function, owner, classes)
    ]
    assert silent == []


def test_every_folder_is_in_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    package, service = page.split("Inside `service/`:")

    def named_in(part: str) -> set[str]:
        rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
        return {name for row in rows for name in re.findall(r"`([\w/]+)/`", row)}

    named = named_in(package) | {f"service/{name}" for name in named_in(service)}
    folders = {str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")} - {"."}
    assert named == folders


def test_the_modules_that_the_map_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    missing = [
        name
        for name in re.findall(r"`([\w/]+\.py)`", page)
        if not any((folder / name).exists() for folder in (PACKAGE, PACKAGE / "service", ROOT))
    ]
    assert missing == []


def test_tests_mirror_the_package() -> None:
    """``test_MODULE.py`` tests the module, or the folder, of its place; ``test_room_WHAT.py`` tests its whole room."""
    wrong = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place, name = path.parent.relative_to(ROOT / "tests"), path.stem.removeprefix("test_")
        if place.parts[:1] in {(), ("e2e",), ("frontend",)}:
            # Tests of the whole package, and of the worker pages' own sources.
            continue
        is_room = name.startswith("room_") and (PACKAGE / place / "__init__.py").exists()
        if not is_room and not any(
            (PACKAGE / place / of).exists() for of in (f"{name}.py", f"__{name}__.py", f"{name}/__init__.py")
        ):
            wrong.append(str(place / path.name))
    assert wrong == []


def test_every_module_has_tests_of_its_own() -> None:
    """Migrations are tested together. Of a module whose name has underscores around it, the test's has none."""
    missing = [
        "/".join(parts)
        for _, parts in modules()
        if parts[-1] != "__init__" and "migrations" not in parts
        if not (ROOT / "tests" / Path(*parts).with_name(f"test_{parts[-1].strip('_')}.py")).exists()
    ]
    assert missing == []


def test_a_name_stands_for_one_type() -> None:
    where: dict[str, dict[str, str]] = {}
    for path, parts in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                where.setdefault(node.name, {})[f"{path}:{node.lineno}"] = ".".join(parts)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if re.match("[A-Z][a-z]", name):
                    where.setdefault(name, {})[ast.unparse(node.value)] = ".".join(parts)
    assert {name: sorted(types.values()) for name, types in where.items() if len(types) > 1} == {}


def test_no_two_modules_share_a_name() -> None:
    where: dict[str, list[str]] = {}
    for _, parts in modules():
        if parts[0] not in AIRFLOWS and parts[-1] != "__init__":
            where.setdefault(parts[-1], []).append(".".join(parts))
    assert {name: places for name, places in where.items() if len(places) > 1} == {}


def test_variables_are_called_what_they_hold() -> None:
    vague = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {name}"
        for folder in NAMED
        for path in sorted(ROOT.glob(f"{folder}/*.py"))
        for node, name in (*variables(tree(path)), *functions(tree(path)), *variables_of_scripts(tree(path)))
        if name.lstrip("_") in VAGUE or (name.lstrip("_") in PARTICIPLES and not folder.startswith("tests"))
    ]
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    vague += [
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for snippet in blocks(page, "python")
        for _, name in (*variables(ast.parse(snippet)), *functions(ast.parse(snippet)))
        if name.lstrip("_") in VAGUE | PARTICIPLES
    ]
    assert vague == []


def test_limits_are_called_so() -> None:
    """``MAX_CALLS``, not ``CALLS_AT_ONCE`` or ``MOST_CALLS``; ``max_calls``, not ``maximum_calls`` or ``most``;
    ``MIN_CALLS``, not ``LEAST_CALLS``, ``FEWEST_CALLS`` or ``least``.

    How many are done in one step is no limit.
    """
    limiters = {"CapacityLimiter", "Semaphore", "BoundedSemaphore", "ThreadPoolExecutor"}
    wrong = []
    for folder in ("labeling_provider", "benchmarks", "dags", "dev", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            names = [name for _, name in variables(tree(path)) if is_wrong_limit(name)]
            for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
                if ast.unparse(call.func).rpartition(".")[2] in limiters:
                    given = (argument.id for argument in call.args if isinstance(argument, ast.Name))
                    names += [name for name in given if re.match("(?!_?MAX_).*AT_ONCE$", name)]
            wrong += [f"{path.relative_to(ROOT)}: {name}" for name in names]
    assert wrong == []


def is_wrong_limit(name: str) -> bool:
    return bool(LIMIT_WORD.match(name)) and name.lstrip("_") not in NO_LIMITS


def variables(
    code: ast.Module,
) -> Iterator[tuple[ast.expr | ast.arg | ast.pattern | ast.alias | ast.excepthandler, str]]:
    """The variables, parameters and attributes that code sets, and what it calls imports and errors."""
    for node in ast.walk(code):
        if isinstance(node, ast.arg):
            yield node, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node, node.attr
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
            yield node, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node, node.asname


def functions(code: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(code):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, node.name


def variables_of_scripts(code: ast.Module) -> Iterator[tuple[ast.Constant, str]]:
    """Variables of the Python and JavaScript that stands in texts, other than docstrings."""
    docs = {id(node.value) for node in ast.walk(code) if isinstance(node, ast.Expr)}
    for node in ast.walk(code):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            for first, second in SCRIPT_VARIABLE.findall(node.value):
                yield node, first or second


def test_nothing_that_tests_name_is_called_by_chance() -> None:
    """What simulated workers do depends on the names of jobs, so tests take them from ``own_id``."""
    tests = (path for path in (ROOT / "tests").rglob("*.py") if "dags" not in path.parts)
    assert [path.name for path in tests if re.search(r"\b(uuid[14]|token_hex)\(", path.read_text())] == []
