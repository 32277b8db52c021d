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

PACKAGE = ROOT / "labeling_provider"


def test_airflow_lists_the_provider_with_its_version_and_links(capsys: pytest.CaptureFixture[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    def airflow(*arguments: str) -> str:
        parsed = get_parser().parse_args(arguments)
        parsed.func(parsed)
        return capsys.readouterr().out

    out = airflow("providers", "list", "--output", "json")
    listed = json.loads(out[out.index("[{") :])
    (entry,) = [one for one in listed if one["package_name"] == "airflow-provider-labeling"]
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
    assert (PACKAGE / "ui" / "static" / integration["logo"].rpartition("/")[2]).is_file()


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


def test_the_distribution_is_typed_and_licensed() -> None:
    assert (PACKAGE / "py.typed").exists()
    found = metadata.metadata("airflow-provider-labeling")
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Requires-Python"] == ">=3.11"


@pytest.mark.parametrize(
    "module", ["labeling_provider.request", "labeling_provider.manifest", "labeling_provider.quality"]
)
def test_plain_python_stays_plain(module: str) -> None:
    check = f"import sys, {module}; print([name for name in ('airflow', 'boto3', 'botocore') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_parsing_a_dag_file_pays_for_no_heavy_import() -> None:
    check = (
        "import sys; from airflow.sdk import BaseOperator, BaseSensorOperator; before = set(sys.modules);"
        "from labeling_provider.operators import labeling_job; from labeling_provider.sensors import labeling_job;"
        "heavy = {'boto3', 'botocore', 'moto', 'sklearn', 'numpy', 'sqlalchemy', 'aiobotocore'};"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_parsing_the_example_dags_loads_no_hook_and_no_boto3() -> None:
    # One has an operator of the amazon provider, which loads all of that.
    paths = [str(path) for path in (ROOT / "dags").glob("*.py") if path.stem != "label_then_train"]
    heavy = "('boto3', 'botocore', 'moto', 'sklearn', 'airflow.providers.amazon.aws.hooks.base_aws')"
    check = (
        f"import runpy, sys; [runpy.run_path(path) for path in {paths!r}];"
        f"print([one for one in {heavy} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_every_example_says_what_it_is_for_and_what_its_parameters_mean() -> None:
    wanted = {"DAG": {"description", "tags"}, "Param": {"description", "type"}}
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            lacks = wanted.get(ast.unparse(call.func), set()) - {one.arg for one in call.keywords}
            assert not lacks, f"{path.name}:{call.lineno} lacks {lacks}"
        teams = [value for key, value in _entries(tree) if ast.unparse(key) == "'workteam_arn'"]
        assert all("examples=WORKTEAMS" in ast.unparse(value) for value in teams), path.name


def _entries(tree: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return [(key, value) for one in dicts for key, value in zip(one.keys, one.values, strict=True) if key]


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
            or (isinstance(node, ast.Import) and any(one.name.split(".")[0] == "PIL" for one in node.names))
        }
        assert not opens or path == PACKAGE / "manifest" / "pictures.py", f"{path}: {opens}"


def _names_pillow(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1] in {"Image", "ImageFile", "PIL"}


def _takes_open(node: ast.ImportFrom) -> bool:
    return any(one.asname or one.name not in {"Image"} for one in node.names)
