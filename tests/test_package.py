"""The package as Airflow and its users meet it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module, metadata, resources

import pytest
from jsonschema import validate

import labeling_provider
from dev.stack import ROOT
from labeling_provider.ui.plugin import PREFIX
from labeling_provider.ui.showing import STATIC

PACKAGE = ROOT / "labeling_provider"


def test_airflow_lists_the_provider_with_its_version_and_links(capsys: pytest.CaptureFixture[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    def airflow(*arguments: str) -> str:
        parsed = get_parser().parse_args(arguments)
        parsed.func(parsed)
        return capsys.readouterr().out

    out = airflow("providers", "list", "--output", "json")
    listed = json.loads(out[out.index("[{") :])
    (entry,) = [entry_listed for entry_listed in listed if entry_listed["package_name"] == "airflow-provider-labeling"]
    assert entry["version"] == labeling_provider.__version__
    full = airflow("providers", "get", "airflow-provider-labeling", "--full", "--output", "json")
    for name in ("LabelingJobLink", "LabelingOutputLink", "LabelingLogsLink"):
        assert name in full
    links = airflow("providers", "links", "--output", "json")
    assert "labeling_provider.links.LabelingJobLink" in links


def test_the_provider_info_is_as_airflow_wants_it_and_leads_to_guides_and_a_logo() -> None:
    info = labeling_provider.get_provider_info()
    validate(info, json.loads((resources.files("airflow") / "provider_info.schema.json").read_text()))
    (integration,) = info["integrations"]
    assert all((ROOT / guide.lstrip("/")).is_file() for guide in integration["how-to-guide"])
    assert integration["logo"] == f"{PREFIX}/static/icon.svg"
    assert "icon.svg" in STATIC


def test_everything_that_the_provider_info_names_can_be_imported() -> None:
    info = labeling_provider.get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                import_module(module)
    decorators = [entry["class-name"] for entry in info["task-decorators"]]
    for path in (*info["extra-links"], *decorators):
        module, _, name = path.rpartition(".")
        assert getattr(import_module(module), name)


UNUSED = {
    "asset-uris": "assets are of the S3 scheme, which the amazon provider has",
    "auth-backends": "we sign nobody in to Airflow",
    "auth-managers": "we sign nobody in to Airflow",
    "bundles": "we bring no kind of DAG bundle",
    "config": "no option of airflow.cfg is ours",
    "connection-types": "connections are of the type aws, which the amazon provider has",
    "dataset-uris": "the old name of asset-uris",
    "db-managers": "nothing of ours is in Airflow's database",
    "dialects": "we talk SQL to no database of a DAG",
    "email-backends": "we send no mail",
    "executors": "tasks run wherever Airflow runs them",
    "filesystems": "S3 is that of the amazon provider",
    "hook-class-names": "the old name of connection-types",
    "logging": "logs go where Airflow's go",
    "plugins": "the entry point airflow.plugins has ours, and both would register it twice",
    "queues": "DAGs get labels by events of our triggers, not of MessageQueueTrigger",
    "remote-logging": "logs go where Airflow's go",
    "secrets-backends": "we keep no secrets of Airflow",
    "transfers": "no operator only moves data",
}
"""Keys of Airflow's schema that the provider info lacks, each with the reason."""


def test_the_provider_info_has_every_key_of_airflows_schema_that_there_is_no_reason_to_leave_out() -> None:
    info = labeling_provider.get_provider_info()
    schema = json.loads((resources.files("airflow") / "provider_info.schema.json").read_text())
    # Airflow reads versions, which its schema does not name; older schemas lack newer keys.
    assert set(schema["properties"]) <= info.keys() | UNUSED.keys()
    assert not info.keys() & UNUSED.keys()


def test_the_provider_info_leads_to_every_class_that_dags_may_use() -> None:
    from airflow.sdk import BaseHook, BaseNotifier, BaseOperator, BaseOperatorLink, BaseSensorOperator
    from airflow.triggers.base import BaseTrigger

    info = labeling_provider.get_provider_info()
    links = vars(import_module("labeling_provider.links")).values()
    public = {link for link in links if _is_for_dags(link, BaseOperatorLink, "labeling_provider.links")}
    assert {f"{link.__module__}.{link.__name__}" for link in public} == set(info["extra-links"])
    rooms = {"hooks": BaseHook, "operators": BaseOperator, "sensors": BaseSensorOperator, "triggers": BaseTrigger}
    for room, base in rooms.items():
        named = [module for entry in info[room] for module in entry["python-modules"]]
        reached = {
            member for name in named for member in vars(import_module(name)).values() if isinstance(member, type)
        }
        assert _classes_for_dags(room, base) - reached == set(), f"no module of the provider info's {room} has them"
    assert {
        f"{notifier.__module__}.{notifier.__name__}" for notifier in _classes_for_dags("notifications", BaseNotifier)
    } == set(info["notifications"])


def _classes_for_dags(room: str, base: type) -> set[type]:
    """What a room's modules define for DAGs: classes that no other of the room derives from."""
    names = [f"labeling_provider.{room}.{path.stem}" for path in (PACKAGE / room).glob("*.py")]
    own = {
        member for name in names for member in vars(import_module(name)).values() if _is_for_dags(member, base, name)
    }
    assert own
    return {member for member in own if not any(member in other.__mro__[1:] for other in own)}


def _is_for_dags(member: object, base: type, module: str) -> bool:
    own = isinstance(member, type) and member.__module__ == module and not member.__name__.startswith("_")
    return own and issubclass(member, base)  # type: ignore[arg-type]


def test_the_distribution_is_typed_and_licensed() -> None:
    assert (PACKAGE / "py.typed").exists()
    about = metadata.metadata("airflow-provider-labeling")
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.11"


@pytest.mark.parametrize(
    "module", ["labeling_provider.request", "labeling_provider.manifest", "labeling_provider.quality"]
)
def test_plain_python_stays_plain(module: str) -> None:
    check = f"import sys, {module}; print([name for name in ('airflow', 'boto3', 'botocore') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_parsing_a_dag_file_pays_for_no_heavy_import() -> None:
    package = ROOT / "labeling_provider"
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in ("operators", "sensors", "triggers", "decorators")
        for path in sorted((package / room).rglob("*.py"))
        # An operator imports it when its task runs.
        if path.stem != "task_run"
    ]
    check = (
        "import importlib, sys; from airflow.sdk import BaseOperator, BaseSensorOperator\n"
        "heavy = {'boto3', 'botocore', 'moto', 'sklearn', 'numpy', 'sqlalchemy', 'aiobotocore'} - set(sys.modules)\n"
        f"for name in {names}:\n"
        "  importlib.import_module(name)\n"
        "  if loaded := heavy & set(sys.modules): print('heavy:', name, sorted(loaded))\n"
        "  heavy -= loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert [line for line in done.stdout.splitlines() if line.startswith("heavy:")] == []


def test_parsing_the_example_dags_loads_no_hook_and_no_boto3() -> None:
    # One has an operator of the amazon provider, which loads all of that.
    paths = [str(path) for path in (ROOT / "dags").glob("*.py") if path.stem != "label_then_train"]
    heavy = "('boto3', 'botocore', 'moto', 'sklearn', 'airflow.providers.amazon.aws.hooks.base_aws')"
    check = (
        f"import runpy, sys; [runpy.run_path(path) for path in {paths!r}];"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_every_example_says_what_it_is_for_and_what_its_parameters_mean() -> None:
    wanted = {"DAG": {"description", "tags"}, "Param": {"description", "type"}}
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            lacks = wanted.get(ast.unparse(call.func), set()) - {keyword.arg for keyword in call.keywords}
            assert not lacks, f"{path.name}:{call.lineno} lacks {lacks}"
        teams = [value for key, value in _entries(tree) if ast.unparse(key) == "'workteam_arn'"]
        for text in map(ast.unparse, teams):
            assert "examples=WORKTEAMS" in text, path.name
            assert "`labeling workers new-team` prints the ARN of a new one" in text, path.name


def _entries(tree: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return [(key, value) for literal in dicts for key, value in zip(literal.keys, literal.values, strict=True) if key]


def test_an_old_airflow_is_named_in_one_line() -> None:
    rooms = ("operators.labeling_job", "sensors.labeling_job", "hooks.labeling", "ui.plugin")
    # An older Airflow has neither airflow.sdk nor the amazon provider that we need.
    check = (
        "import airflow, sys; airflow.__version__ = '2.10.5';"
        "sys.modules['airflow.sdk'] = sys.modules['airflow.providers.amazon'] = None;"
        "import importlib, labeling_provider.request\n"
        f"for room in {rooms}:\n"
        "  try: importlib.import_module(f'labeling_provider.{room}')\n"
        "  except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == len(rooms) * [
        "airflow-provider-labeling needs Airflow 3.2 or newer, and this is 2.10.5: pip install 'apache-airflow>=3.2'"
    ]


def test_the_oldest_airflow_of_the_message_is_that_of_the_package() -> None:
    oldest = ".".join(map(str, labeling_provider._OLDEST_AIRFLOW))
    assert f"apache-airflow>={oldest}" in metadata.requires("airflow-provider-labeling")


def test_pictures_are_opened_in_one_place() -> None:
    for path in PACKAGE.rglob("*.py"):
        opens = {
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if (isinstance(node, ast.Attribute) and node.attr in {"open", "verify"} and _names_pillow(node.value))
            or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PIL") and _takes_open(node))
            or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "PIL" for alias in node.names))
        }
        assert not opens or path == PACKAGE / "manifest" / "pictures.py", f"{path}: {opens}"


def _names_pillow(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1] in {"Image", "ImageFile", "PIL"}


def _takes_open(node: ast.ImportFrom) -> bool:
    return any(alias.asname or alias.name not in {"Image"} for alias in node.names)
