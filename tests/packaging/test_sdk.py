"""Only the SDK modules that our own code can reach are carried, and none of those is missing."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from natkeeper.packaging import sdk

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / "shared/natkeeper/alibaba").rglob("*.py"))
INDEX = """from __future__ import annotations

from ._look_request import LookRequest
from ._look_response_body import LookResponseBody
from ._look_response_body import LookResponseBodyThing
from ._look_response import LookResponse
from ._jump_request import JumpRequest
from ._jump_response import JumpResponse
from ._shared import Shared
from ._other import Other

__all__ = [
    LookRequest,
]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A product's SDK in small, and a base package beside it."""
    models = tmp_path / "alibabacloud_toy20200101" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").touch()
    for line in INDEX.splitlines():
        if line.startswith("from ._"):
            module, name = line.removeprefix("from .").split(" import ")
            with (models / f"{module}.py").open("a", encoding="utf-8") as file:
                file.write(f"class {name}:\n    pass\n")
    (models / "_look_response_body.py").write_text(
        "from __future__ import annotations\nfrom alibabacloud_toy20200101 import models as main_models\n"
        "class LookResponseBody:\n    def f(self) -> main_models.Shared: ...\n"
        "class LookResponseBodyThing:\n    pass\n",
        encoding="utf-8",
    )
    (models / "__init__.py").write_text(INDEX, encoding="utf-8")
    base = tmp_path / "alibabacloud_base" / "models"
    base.mkdir(parents=True)
    (base / "__init__.py").write_text("from ._a import A\n", encoding="utf-8")
    (base / "_a.py").write_text("class A: ...\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("call", ["client.look(request)", "client.look_with_options(request, options)"])
def test_an_operation_that_is_called_keeps_its_messages_and_what_they_mention(site: Path, call: str) -> None:
    """The request, the answer, its body, and a shared class that only the body names."""
    chosen = sdk.selection(site, [call.encode()])
    kept = ("_look_request", "_look_response", "_look_response_body", "_shared")
    assert chosen == {"alibabacloud_toy20200101": kept}


def test_a_class_that_is_named_is_kept(site: Path) -> None:
    """Also where the operation is called in another way."""
    assert sdk.selection(site, [b"models.Other()"])["alibabacloud_toy20200101"] == ("_other",)


def test_what_is_left_can_be_imported_as_a_whole(site: Path) -> None:
    """The index names what is there and nothing else; a base package is left alone."""
    sdk.keep_only(site, sdk.selection(site, [b"look"]))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import alibabacloud_toy20200101.models as m;"
        "print(sorted(n for n in vars(m) if n[0].isupper()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(site)], capture_output=True, text=True, check=True)
    assert done.stdout == "['LookRequest', 'LookResponse', 'LookResponseBody', 'LookResponseBodyThing', 'Shared']\n"
    assert (site / "alibabacloud_base/models/_a.py").exists()


@pytest.mark.parametrize("part", ["request", "shrink_request", "headers", "shrink_headers", "response_body"])
def test_each_part_of_an_operation_is_kept_with_it(site: Path, part: str) -> None:
    """Some operations have headers, or a request that is shrunk to a text."""
    models = site / "alibabacloud_toy20200101" / "models"
    for path in models.glob("_*.py"):
        if path.name != "__init__.py":
            path.unlink()
    with (models / "__init__.py").open("a", encoding="utf-8") as index:
        for each in (f"hop_{part}", "hop_response", f"skip_{part}", "skip_response"):
            name = "".join(word.title() for word in each.split("_"))
            index.write(f"from ._{each} import {name}\n")
            (models / f"_{each}.py").write_text(f"class {name}: ...\n", encoding="utf-8")
    chosen = sdk.selection(site, [b"\xff hop \xfe"])
    assert chosen == {"alibabacloud_toy20200101": tuple(sorted((f"_hop_{part}", "_hop_response")))}


def test_only_a_product_with_models_is_cut_down(site: Path) -> None:
    """A name with a date is a product's; without models there is nothing to choose, and other folders are others'."""
    for name in ("alibabacloud_none20200101", "alibabacloud_toy2020", "my_alibabacloud_toy20200101"):
        (site / name).mkdir()
    for name in ("alibabacloud_toy2020", "my_alibabacloud_toy20200101", "alibabacloud_zoo20200101"):
        (site / name / "models").mkdir(parents=True)
        (site / name / "models" / "__init__.py").write_text("from ._a import A\n", encoding="utf-8")
        (site / name / "models" / "_a.py").write_text("class A: ...\n", encoding="utf-8")
    chosen = sdk.selection(site, [b"A Other"])
    assert chosen == {"alibabacloud_toy20200101": ("_other",), "alibabacloud_zoo20200101": ("_a",)}
    assert list(chosen) == sorted(chosen)


def test_what_a_kept_module_mentions_is_kept_however_far_it_leads(site: Path) -> None:
    """Two that mention each other come to an end; a name that is not there is left alone."""
    models = site / "alibabacloud_toy20200101" / "models"
    for name, text in (
        ("_other", "main_models.JumpRequest"),
        ("_jump_request", "main_models.Shared main_models.Nothing"),
        ("_shared", "main_models.Other"),
    ):
        (models / f"{name}.py").write_text(f"# {text}\n", encoding="utf-8")
    chosen = sdk.selection(site, [b"Other"])["alibabacloud_toy20200101"]
    assert chosen == ("_jump_request", "_other", "_shared")


def test_a_module_that_the_index_names_and_nobody_installed_is_left_out(site: Path) -> None:
    """As after a first cut: the same layer may be made again."""
    models = site / "alibabacloud_toy20200101" / "models"
    (models / "_other.py").unlink()
    assert ("_other", "Other") not in sdk.classes(models)
    assert sdk.classes(models)[:2] == [("_look_request", "LookRequest"), ("_look_response_body", "LookResponseBody")]
    assert sdk.selection(site, [b"Other Shared"]) == {"alibabacloud_toy20200101": ("_shared",)}


def test_files_are_taken_away_and_not_written_over(site: Path, tmp_path: Path) -> None:
    """They are links to those of the cache, which another layer needs whole."""
    product = site / "alibabacloud_toy20200101"
    (product / "client.py").write_text(CLIENT, encoding="utf-8")
    files = [product / "client.py", product / "models" / "__init__.py", product / "models" / "_shared.py"]
    before = [path.read_bytes() for path in files]
    for number, path in enumerate(files):
        os.link(path, tmp_path / f"kept{number}")
    sdk.keep_only(site, {"alibabacloud_toy20200101": ("_other",)})
    assert [(tmp_path / f"kept{number}").read_bytes() for number in range(3)] == before
    assert {path.name for path in (product / "models").iterdir()} == {"__init__.py", "_other.py"}
    index = (product / "models" / "__init__.py").read_text(encoding="utf-8")
    assert index == "from __future__ import annotations\nfrom ._other import Other\n"


@pytest.mark.parametrize(
    "modules, found",
    [
        (["_look_request", "_look_response", "_look_response_body"], {"look"}),
        (["_response_response", "_shared"], {"response"}),
        ([], set()),
    ],
)
def test_an_operation_is_known_by_its_answer(modules: list[str], found: set[str]) -> None:
    """Its method has the name of the module without the underscore and the ending."""
    assert sdk.operations(modules) == found


CLIENT = """class Client(Base):
    first = 0

    def __init__(self, config):
        self.config = config

    def get_endpoint(self):
        return "kept"

    def look_with_options(self, request, runtime):
        return "kept"

    @decorated
    async def look_with_options_async(self, request, runtime):
        return "kept"

    def jump_with_options(self, request, runtime):
        return "dropped"

    @decorated
    async def jump_async(self, request):
        return "dropped"

    def jump(self, request):
        return "dropped"

    async def jump_with_sse_async(self, request):
        return "dropped"

    @decorated
    @again
    def jump_advance(self, request):
        return "dropped"

    field = 1

    def jump_with_options_async_twice(self):
        return "kept \u7f51\u5173"


def jump():
    return "kept"
"""


def test_the_client_loses_the_methods_of_operations_that_are_not_called(site: Path) -> None:
    """All their variants, with what decorates them; constructor and helpers stay, and so does every kept line."""
    client = site / "alibabacloud_toy20200101/client.py"
    client.write_text(CLIENT, encoding="utf-8")
    sdk.keep_only(site, sdk.selection(site, [b"look"]))
    cut = client.read_text(encoding="utf-8")
    assert "dropped" not in cut
    first, last = CLIENT.index("    def jump"), CLIENT.index("    field")
    assert [line for line in (CLIENT[:first] + CLIENT[last:]).splitlines() if line] == [
        line for line in cut.splitlines() if line
    ]
    ast.parse(cut)


def named(path: Path) -> set[str]:
    """Return classes (`models.X`) and operations (`….x_with_options`) that a source file uses."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "models":
                found.add(node.attr)
            if node.attr.endswith("_with_options"):
                found.add(node.attr.removesuffix("_with_options"))
    return found


def test_every_class_and_operation_that_the_adapters_use_is_kept() -> None:
    """Held against the SDKs that are installed here, so a new call in an adapter is covered by itself."""
    spec = importlib.util.find_spec("alibabacloud_ecs20140526")
    assert spec is not None
    assert spec.origin is not None
    site = Path(spec.origin).parents[1]
    chosen = sdk.selection(site, [path.read_bytes() for path in OURS])
    kept = {module for modules in chosen.values() for module in modules}
    classes = {
        each
        for package, modules in chosen.items()
        for module, each in sdk.classes(site / package / "models")
        if module in modules
    }
    uses = set().union(*(named(path) for path in OURS))
    assert uses
    for use in uses:
        assert use in classes or f"_{use}_response" in kept, use
    assert len(kept) < 300
