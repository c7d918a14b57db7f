"""Bundles: what they hold, that they import, that equal input makes equal bytes."""

from __future__ import annotations

import importlib.util
import marshal
import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from natkeeper.packaging import (
    FUNCTION_COMPUTE,
    Built,
    BundleSpec,
    InstallFailed,
    Source,
    build,
    bundles,
    bytecode,
    here,
    release,
    wheels,
)
from natkeeper.packaging import __main__ as command
from natkeeper.packaging.bundles import CONFIG_NAME, BundleBroken
from natkeeper.packaging.target import BundleTarget, runs_here

PROBE = BundleSpec("probe", lock=None, configuration=CONFIG_NAME)
OTHER = BundleTarget(name="other", python="3.9", platforms=("manylinux_2_17_x86_64",), markers=FUNCTION_COMPUTE.markers)
HANDLER = "from natkeeper.domain import words\n\n\ndef handler(event, context):\n    return words.GREETING\n"


def quiet(sentence: str) -> None:
    """Say nothing."""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A checkout in small: one function, one package with a command line, one empty lock file."""
    files = {
        "functions/probe/index.py": HANDLER,
        "functions/probe/README": "text\n",
        "shared/natkeeper/__init__.py": "",
        "shared/natkeeper/domain/__init__.py": "",
        "shared/natkeeper/domain/words.py": "GREETING = 'good day'\n",
        "shared/natkeeper/guest/setup.packed": "H4sI\n",
        "shared/natkeeper/cli/__init__.py": "import click\n",
        "shared/natkeeper/packaging/__init__.py": "import yaml\n",
        "shared/natkeeper/domain/__pycache__/words.cpython-39.pyc": "stale",
        "requirements/none.txt": "# nothing\n",
    }
    for name, text in files.items():
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    root = tmp_path / "checkout"
    return Source(root / "functions", root / "shared/natkeeper", root / "requirements")


@pytest.fixture
def made(source: Source, tmp_path: Path) -> Built:
    """The probe's bundle of that checkout, for this machine."""
    return build(PROBE, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=quiet)


def names(built: Built) -> list[str]:
    with zipfile.ZipFile(built.archive) as archive:
        return archive.namelist()


def test_a_bundle_holds_the_entry_the_package_and_the_configuration(made: Built) -> None:
    """What runs in the function is there, the command line and packaging stay at home."""
    plain = [name for name in names(made) if "__pycache__" not in name]
    assert plain == [
        "README",
        "index.py",
        "natkeeper/__init__.py",
        "natkeeper/domain/__init__.py",
        "natkeeper/domain/words.py",
        "natkeeper/guest/setup.packed",
        "natkeeper.json",
    ]


def test_an_unconfigured_function_gets_no_configuration(source: Source, tmp_path: Path) -> None:
    """What a function does not read, it is not given."""
    spec = BundleSpec("probe", lock=None, configuration=None)
    built = build(spec, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=quiet)
    assert "natkeeper.json" not in names(built)


def test_the_directory_is_the_archive_unpacked(made: Built) -> None:
    """What a person looks at is what is uploaded."""
    with zipfile.ZipFile(made.archive) as archive:
        unpacked = {name: archive.read(name) for name in archive.namelist()}
    beside = {
        path.relative_to(made.directory).as_posix(): path.read_bytes()
        for path in made.directory.rglob("*")
        if path.is_file()
    }
    assert beside == unpacked


def test_equal_input_makes_equal_bytes(source: Source, made: Built, tmp_path: Path) -> None:
    """Built elsewhere, later, from files of another age, the archive is the same bit for bit."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "checkout", copy)
    for path in copy.rglob("*.py"):
        path.touch()
        path.chmod(0o600)
    moved = Source(copy / "functions", copy / "shared/natkeeper", copy / "requirements")
    again = build(PROBE, moved, b"{}\n", here(), tmp_path / "out2", cache=tmp_path / "cache2", say=quiet)
    assert again.archive.read_bytes() == made.archive.read_bytes()
    assert again.digest == made.digest


def test_archive_entries_carry_no_time_and_one_mode(made: Built) -> None:
    """Neither the clock nor the umask of the building machine gets into the archive."""
    with zipfile.ZipFile(made.archive) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {stat.filemode(entry.external_attr >> 16) for entry in archive.infolist()} == {"-rw-r--r--"}


def test_bytecode_is_taken_without_a_look_at_the_source(made: Built) -> None:
    """A .pyc says `unchecked` in its flags, and names the file as the platform will."""
    if not made.compiled:
        pytest.skip(f"no Python {here().python} here to write bytecode with")
    compiled = made.directory / "natkeeper/domain/__pycache__"
    content = next(compiled.glob("words.*.pyc")).read_bytes()
    assert int.from_bytes(content[4:8], "little") == 0b01
    if content[:4] == importlib.util.MAGIC_NUMBER:
        assert marshal.loads(content[16:]).co_filename == "/code/natkeeper/domain/words.py"  # noqa: S302  our own


def test_what_has_not_changed_is_not_built_again(source: Source, made: Built, tmp_path: Path) -> None:
    """A second build finds the first one's work, and says so."""
    again = build(PROBE, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=quiet)
    assert (made.fresh, again.fresh) == (True, False)
    assert again.digest == made.digest


@pytest.mark.parametrize("change", ["configuration", "code", "target", "machine", "archive lost", "directory lost"])
def test_what_has_changed_is_built_again(
    source: Source, made: Built, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configuration, code and target are each a reason, and so is a result that went missing.

    A machine whose Python cannot run a bundle neither tries it nor compiles its dataclasses: another has more to do.
    """
    configuration, target = b"{}\n", here()
    if change == "configuration":
        configuration = b'{"region": "cn-beijing"}\n'
    if change == "code":
        (source.package / "domain/words.py").write_text("GREETING = 'good night'\n", encoding="utf-8")
    if change == "target":
        target = OTHER
    if change == "machine":
        monkeypatch.setattr(bundles, "runs_here", lambda _: False)
    if change == "archive lost":
        made.archive.unlink()
    if change == "directory lost":
        shutil.rmtree(made.directory)
    again = build(PROBE, source, configuration, target, tmp_path / "out", cache=tmp_path / "cache", say=quiet)
    assert again.fresh
    assert again.archive.exists()


def test_another_configuration_starts_no_process(
    source: Source, made: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own code was compiled and imported before; the bundle differs by the configuration alone."""
    monkeypatch.setattr("subprocess.run", None)
    again = build(PROBE, source, b"{} \n", here(), tmp_path / "other", cache=tmp_path / "cache", say=quiet)
    assert (again.fresh, again.digest != made.digest, names(again)) == (True, True, names(made))
    assert (again.directory / CONFIG_NAME).read_bytes() == b"{} \n"


def test_of_our_own_code_some_states_are_kept(source: Source, tmp_path: Path) -> None:
    """The newest; and a change is never taken for one of them."""
    for number in range(bundles._KEPT + 2):
        (source.functions / "probe" / "README").write_text(f"{number}\n", encoding="utf-8")
        built = build(PROBE, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=quiet)
        assert (built.directory / "README").read_text(encoding="utf-8") == f"{number}\n"
    kept = [path / "content/README" for path in (tmp_path / "cache").glob("probe-*-own-*")]
    assert {int(path.read_text(encoding="utf-8")) for path in kept} == set(range(2, bundles._KEPT + 2))


def test_a_bundle_that_does_not_import_is_refused(source: Source, made: Built, tmp_path: Path) -> None:
    """A missing dependency shows on the operator's machine, and what was there before stays."""
    before = made.archive.read_bytes()
    (source.functions / "probe/index.py").write_text("import apprise\n" + HANDLER, encoding="utf-8")
    with pytest.raises(BundleBroken, match="No module named 'apprise'"):
        build(PROBE, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=quiet)
    assert made.archive.read_bytes() == before


def test_a_bundle_for_another_machine_is_not_imported_here(source: Source, tmp_path: Path) -> None:
    """Wheels for another Python cannot be tried, so they are not."""
    (source.functions / "probe/index.py").write_text("import nowhere\n", encoding="utf-8")
    assert not runs_here(OTHER)
    assert build(PROBE, source, b"{}\n", OTHER, tmp_path / "out", cache=tmp_path / "cache", say=quiet).fresh


def test_dependencies_are_installed_once(source: Source, tmp_path: Path) -> None:
    """The layer of a lock file is kept; changing our own code does not install anything again."""
    spec = BundleSpec("probe", lock="none.txt", configuration=CONFIG_NAME)
    said: list[str] = []
    for text in ("one", "two"):
        (source.functions / "probe/README").write_text(text, encoding="utf-8")
        build(spec, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=said.append)
    assert len(said) == 1
    assert "none" in said[0]


def test_a_failed_install_says_what_pip_says(source: Source, tmp_path: Path) -> None:
    """An unusable lock file ends the build with pip's own sentence, and leaves no half-made layer."""
    lock = source.requirements / "wrong.txt"
    lock.write_text(f"{tmp_path}/absent-1.0-py3-none-any.whl \\\n    --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    spec = BundleSpec("probe", lock="wrong.txt", configuration=CONFIG_NAME)
    with pytest.raises(InstallFailed, match="absent"):
        build(spec, source, b"{}\n", here(), tmp_path / "out", cache=tmp_path / "cache", say=quiet)
    assert list((tmp_path / "cache").iterdir()) == []


def test_pip_installs_what_is_locked_whatever_the_user_has_set(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it installs and what it sees are this build's; mirror, proxy and certificate are the user's."""
    (source.requirements / "one.txt").write_text("one==1 \\\n    --hash=sha256:00\n", encoding="utf-8")
    lost = ("PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    told = ("PIP_USER", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_ROOT_USER_ACTION", "PIP_INDEX_URL")
    for name in (*lost, *told):
        monkeypatch.setenv(name, "the user's")
    seen: list[tuple[list[str], dict[str, str]]] = []

    def pip(command: list[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        seen.append((command, env))
        return subprocess.CompletedProcess(command, 1, "said", "")

    monkeypatch.setattr(subprocess, "run", pip)
    spec = BundleSpec("probe", lock="one.txt", configuration=CONFIG_NAME)
    with pytest.raises(InstallFailed, match=r"^the dependencies could not be installed:\nsaid$"):
        build(spec, source, b"{}\n", FUNCTION_COMPUTE, tmp_path / "out", cache=tmp_path / "cache", say=quiet)
    [(command, environ)] = [(line, env) for line, env in seen if "pip" in line]
    assert command[1:6] == ["-m", "pip", "install", "-qq", "--target"]
    assert {"--no-deps", "--no-compile", "--require-hashes", "--no-build-isolation", "--requirement"} <= {*command}
    assert environ.keys().isdisjoint(lost)
    assert [environ[name] for name in told] == ["0", "1", "ignore", "the user's"]


def test_what_a_running_function_never_reads_is_dropped(tmp_path: Path) -> None:
    """Stubs, sources for compilers, tests and pip's bookkeeping go; code, data, licences and METADATA stay."""
    kept = {
        "a/__init__.py",
        "a/data.json",
        "a/_fast.so",
        "a-1.dist-info/METADATA",
        "a-1.dist-info/entry_points.txt",
    }
    kept |= {"a-1.dist-info/licenses/LICENSE"}
    dropped = {
        "a/__init__.pyi",
        "a/_fast.c",
        "a/tests/test_a.py",
        "bin/a",
        "a-1.dist-info/RECORD",
        "a/py.typed",
    }
    for name in kept | dropped:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    wheels.slim(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == kept


LOCK = r"""# made by a tool
always==1.0 \
    --hash=sha256:aa \
    --hash=sha256:bb
old==1.0 ; python_full_version < '3.11' \
    --hash=sha256:cc
new==2.0 ; python_full_version >= '3.11' \
    --hash=sha256:dd
windows==1 ; sys_platform == 'win32' \
    --hash=sha256:ee
"""


def test_markers_are_judged_by_the_python_that_will_run_the_bundle() -> None:
    """Function Compute's Python decides which entries of a lock file apply, not the one that packs."""
    entries = wheels.for_target(LOCK, FUNCTION_COMPUTE)
    assert [line.split("==")[0] for line in entries.splitlines() if "==" in line] == ["always", "new"]
    assert entries.count("--hash") == 3
    assert not {*";#"} & {*entries}


def test_function_compute_takes_no_wheel_newer_than_its_c_library() -> None:
    """The platforms offered to pip end at glibc 2.28: a wheel for a newer one would fail at import."""
    minors = [int(name.split("_")[2]) for name in FUNCTION_COMPUTE.platforms if name.startswith("manylinux_")]
    assert max(minors) == 28
    assert "manylinux2014_x86_64" in FUNCTION_COMPUTE.platforms


def test_without_the_targets_python_there_is_no_bytecode() -> None:
    """A version that this machine has not got is not compiled for; the build says so instead."""
    assert bytecode.compiler_for(BundleTarget("x", "3.99", ("any",), ())) is None


def run(arguments: list[str], source: Source, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(bundles.Source, "release", lambda: source)
    return command.main(arguments)


def test_the_command_refuses_a_wrong_configuration(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, the path of the value in the message, and nothing built."""
    config = tmp_path / "natkeeper.yaml"
    config.write_text("region: 5\n", encoding="utf-8")
    out = tmp_path / "out"
    status = run(["--config", str(config), "--out", str(out), "--cache", str(tmp_path / "c")], source, monkeypatch)
    assert status == command.REFUSED
    assert "region: got 5; allowed: a region id" in capsys.readouterr().err
    assert not out.exists()


def test_the_command_builds_what_is_asked_for(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--only` names functions; each finished archive is told with its size and digest."""
    (source.functions / "probe" / "index.py").write_text("def handler(event, context): ...\n", encoding="utf-8")
    config = tmp_path / "natkeeper.yaml"
    config.write_text(
        "region: cn-hangzhou\ngroups: {a: {gateways: [i-bp1aaaa], routes: [{table: vtb-bp1aaaa}]}}\n",
        encoding="utf-8",
    )
    arguments = ["--config", str(config), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "c")]
    assert run([*arguments, "--for", "here", "--only", "probe"], source, monkeypatch) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["probe", "probe.json", "probe.zip"]
    assert re.search(r"/probe\.zip  0\.\d MB  sha256 [0-9a-f]{12}  \(\d{1,2}\.\d s\)\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "name, parts",
    [
        ("failover", {"__init__.py", "alibaba", "domain", "egress_check.py", "failover", "guest", "notify", "ports.py",
                      "probe", "receipt.py"}),
        ("probe", {"__init__.py", "probe", "egress_check.py", "domain"}),
        ("notify", {"__init__.py", "notify"}),
    ],
)  # fmt: skip
def test_a_function_carries_the_parts_that_it_needs_and_nothing_of_the_operators(name: str, parts: set[str]) -> None:
    """No command line, no reports of drills and no packaging: each would be unpacked at every cold start."""
    spec = next(each for each in bundles.BUNDLES if each.name == name)
    names = [path for path, _ in bundles._own_files(spec, Source.release())]
    ours = [path.split("/") for path in names if path.startswith("natkeeper/")]
    assert {each[1] for each in ours} == parts
    assert "index.py" in names
    assert not any("__pycache__" in path or path.endswith("py.typed") for path in names)


def test_what_was_installed_once_is_kept_in_the_checkout_or_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make clean` takes the one away; the other is where programs keep such things."""
    assert release.cache() == release.root() / "build" / "cache"
    monkeypatch.setattr(release, "is_checkout", lambda: False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert release.cache() == Path("/somewhere/natkeeper")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert release.cache() == Path("/home/someone/.cache/natkeeper")


def test_the_command_says_its_defaults_and_takes_several_functions() -> None:
    """What a checkout builds without arguments is what `s deploy` uploads from it."""
    plain = command._parser().parse_args([])
    assert (plain.config, plain.out, plain.cache) == (Path("natkeeper.yaml"), Path("build/bundle"), Path("build/cache"))
    assert (plain.target, plain.only) == ("fc", None)
    assert command._parser().parse_args(["--only", "probe", "--only", "failover"]).only == ["probe", "failover"]
    said = " ".join(command._parser().format_help().split())
    for name, default in (("CONFIG", "natkeeper.yaml"), ("OUT", "build/bundle"), ("CACHE", "build/cache")):
        assert f"{name} default: {default} " in said
