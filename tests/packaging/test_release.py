"""Where the files of a release are, how s.yaml is filled in, and the application of Serverless Devs made of them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import yaml

import natkeeper.packaging
from natkeeper import __version__
from natkeeper.packaging import app, release

ROOT = Path(__file__).resolve().parents[2]


def installation(folder: Path, *there: str) -> Path:
    """Lay out a package below `folder`, with these folders and files in or around it, and return it."""
    package = folder / "lib" / "natkeeper"
    package.mkdir(parents=True)
    for name in there:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.touch()
        else:
            path.mkdir(exist_ok=True)
    return package


CHECKOUT, WHEEL = ("functions", "s.yaml"), ("lib/natkeeper/_files/functions", "lib/natkeeper/_files/s.yaml")


@pytest.mark.parametrize(
    "there, root",
    [
        (CHECKOUT, "."),
        (WHEEL, "lib/natkeeper/_files"),
        ((*CHECKOUT, *WHEEL), "."),
        (("functions", *WHEEL), "lib/natkeeper/_files"),
        (("s.yaml", *WHEEL), "lib/natkeeper/_files"),
    ],
)
def test_a_release_lies_around_the_package_or_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], root: str
) -> None:
    """A checkout comes first; a folder called functions is no checkout yet, and neither is any s.yaml."""
    monkeypatch.setattr(release, "_PACKAGE", installation(tmp_path, *there))
    assert release.root() == tmp_path / root
    assert release.is_checkout() == (root == ".")


@pytest.mark.parametrize("there", [(), ("functions",), ("s.yaml",), WHEEL[:1], WHEEL[1:]])
def test_a_package_without_its_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...]
) -> None:
    """The message names the folder of the package."""
    package = installation(tmp_path, *there)
    monkeypatch.setattr(release, "_PACKAGE", package)
    with pytest.raises(
        FileNotFoundError, match=f"^{package} is neither in a checkout of natkeeper nor from its wheel$"
    ):
        release.root()


def test_this_is_a_checkout() -> None:
    """Its files are those that a person sees."""
    assert release.root() == ROOT
    assert (ROOT / release.SCHEMA).is_file()
    assert (ROOT / release.EXAMPLE).is_file()


def test_what_is_laid_out_are_the_files_of_the_release(tmp_path: Path) -> None:
    """The template with the commands of an installed natkeeper, and what version control must not keep."""
    release.lay_out(tmp_path, {})
    for name in (release.EXAMPLE, release.SCHEMA):
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
    own = (ROOT / release.TEMPLATE).read_text(encoding="utf-8")
    assert (tmp_path / release.TEMPLATE).read_text(encoding="utf-8") == release.for_installed(own)
    kept_out = (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert kept_out == ["/build/", "/.s/", "# where people are notified: tokens", "/natkeeper.notify", "/.env"]


def test_commands_of_a_checkout_become_those_of_an_installed_natkeeper() -> None:
    """Or those that are given."""
    text = "- run: make bundle\n- run: .venv/bin/natkeeper check\n- run: make bundle\n"
    assert release.for_installed(text) == "- run: natkeeper package\n- run: natkeeper check\n- run: natkeeper package\n"
    assert release.for_installed(text, package="p", command="c") == "- run: p\n- run: c check\n- run: p\n"


@pytest.mark.parametrize(
    "line, value, becomes",
    [
        ("  name: old", "new", "  name: new"),
        ("  name: old  # why # so", "new", "  name: new  # why # so"),
        ('  name: "old # no comment" # why', "new", "  name: new # why"),
        ('  name: ""', "12", '  name: "12"'),
        ("  name: old", "true", '  name: "true"'),
        ("  name: old", "null", '  name: "null"'),
        ("  name: old", '"{{ name }}"', '  name: "{{ name }}"'),
        ("  name: old", "", '  name: ""'),
        ("  name: ", "new", "  name: new"),
        ("  name: old", "a:b", "  name: a:b"),
    ],
)
def test_a_variable_takes_the_place_of_the_old_value_alone(line: str, value: str, becomes: str) -> None:
    """Its comment and the lines around it stay, and what YAML would read as something else is put in quotes."""
    around = "vars:\n  other: x\n{}\n  name2: y\n    name: deeper\nname: z\n"
    assert release.with_variables(around.format(line), {"name": value}) == around.format(becomes)


def test_several_variables_are_filled_in_and_none_is_left_alone() -> None:
    """In one text, and one that is not there is named."""
    text = "vars:\n  a: 1\n  b: 2 # two\n"
    assert release.with_variables(text, {"a": "x", "b": "y"}) == "vars:\n  a: x\n  b: y # two\n"
    assert release.with_variables(text, {}) == text
    with pytest.raises(ValueError, match=r"^s\.yaml has no variable c$"):
        release.with_variables(text, {"a": "x", "c": "y"})


def test_the_questions_are_written_with_their_defaults() -> None:
    """In the characters that a person reads; one without a default has to be answered."""
    published = app.publish("version: {version}\nrequired: {required}\nproperties: {properties}\n")
    read = yaml.safe_load(published)
    assert read["version"] == __version__
    assert read["required"] == ["account", "vpc", "vswitch", "securityGroup"]
    assert {name: field.get("default") for name, field in read["properties"].items()} == {
        "region": "cn-hangzhou", "account": None, "group": "prod", "vpc": None, "vswitch": None, "securityGroup": None,
    }  # fmt: skip
    assert not any("default" in read["properties"][name] for name in read["required"])
    assert "\u5730\u57df (region)" in published
    assert "\\u" not in published


def test_the_applications_template_asks_for_its_variables_and_its_key() -> None:
    """And takes its steps from the environment that prepare.sh makes."""
    text = "access: x\nsteps: make bundle; .venv/bin/natkeeper check\naccess: default\nvars:\n" + "".join(
        f"  {name}: old # why\n" for name in app.QUESTIONS
    )
    assert app.template(text) == (
        "access: x\nsteps: sh prepare.sh && .venv/bin/natkeeper package; .venv/bin/natkeeper check\n"
        'access: "{{ access }}"\nvars:\n' + "".join(f'  {name}: "{{{{ {name} }}}}" # why\n' for name in app.QUESTIONS)
    )


def test_the_application_is_written_over_what_was_there(tmp_path: Path) -> None:
    """Every file that it needs, and nothing of an earlier one."""
    wheel = tmp_path / f"natkeeper-{__version__}-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    out = tmp_path / "app"
    (out / "src").mkdir(parents=True)
    (out / "src" / "natkeeper-0.0.1-py3-none-any.whl").touch()
    app.write(out, wheel)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        *("publish.yaml", "version.md", "readme.md", "hook/index.js"),
        *(f"src/{name}" for name in ("readme.md", "prepare.sh", "s.yaml", ".gitignore", "natkeeper.example.yaml")),
        *("src/templates/natkeeper.schema.json", f"src/{wheel.name}"),
    }
    assert (out / "version.md").read_text(encoding="utf-8") == f"{__version__}\n"
    assert (out / "src" / ".gitignore").read_text(encoding="utf-8") == f"/.venv/\n{release.NOT_KEPT}"
    assert (out / "src" / wheel.name).read_bytes() == b"wheel"
    assert (out / "src" / "readme.md").read_bytes() == (out / "readme.md").read_bytes()
    json.loads((out / "src" / release.SCHEMA).read_text(encoding="utf-8"))
    own = (ROOT / "s.yaml").read_text(encoding="utf-8")
    assert (out / "src" / "s.yaml").read_text(encoding="utf-8") == app.template(own)
    about = (ROOT / "templates" / "app" / "publish.yaml").read_text(encoding="utf-8")
    assert (out / "publish.yaml").read_text(encoding="utf-8") == app.publish(about)


def test_the_application_is_made_from_the_one_wheel_that_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make app` says what to do with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "natkeeper-1-py3-none-any.whl").touch()
    (tmp_path / "dist" / "other-1-py3-none-any.whl").touch()
    runpy.run_path(str(app.__file__), run_name="__main__")
    assert (tmp_path / "build" / "app" / "src" / "natkeeper-1-py3-none-any.whl").exists()
    assert "s init --uri build/app" in capsys.readouterr().err


@pytest.mark.parametrize("name", natkeeper.packaging.__all__)
def test_each_name_of_the_package_is_imported_where_it_is_used(name: str) -> None:
    """From the one module that has it."""
    (place,) = (module for module, names in natkeeper.packaging._PLACES.items() if name in names)
    found = natkeeper.packaging.__getattr__(name)
    assert found is getattr(__import__(f"natkeeper.packaging.{place}", fromlist=[name]), name)


def test_a_name_that_the_package_has_not_is_refused_as_by_any_module() -> None:
    """`from … import` and `hasattr` depend on it."""
    with pytest.raises(AttributeError, match=r"^module 'natkeeper\.packaging' has no attribute 'nothing'$"):
        _ = natkeeper.packaging.nothing
    assert sorted(name for names in natkeeper.packaging._PLACES.values() for name in names) == sorted(
        natkeeper.packaging.__all__
    )
