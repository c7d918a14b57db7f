"""`python -m natkeeper.packaging`: what it builds for which target, what it says, and how it ends."""

from __future__ import annotations

import runpy
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from natkeeper.packaging import FUNCTION_COMPUTE, FUNCTION_COMPUTE_2, Built, BundleSpec, BundleTarget, InstallFailed
from natkeeper.packaging import __main__ as command
from natkeeper.packaging.bundles import BundleBroken

TEXT = "region: cn-hangzhou\ngroups: {a: {gateways: [i-bp1aaaa], routes: [{table: vtb-bp1aaaa}]}}\n"
THIS_MACHINE = BundleTarget("cpython-313-linux-aarch64", "3.13", platforms=(), markers=())


@dataclass
class Workshop:
    """A stand-in for `build`: what it was asked for, and what it answers."""

    folder: Path
    asked: list[tuple[str, bytes, BundleTarget, Path, Path]] = field(default_factory=list)
    fresh: tuple[str, ...] = ("failover", "probe", "notify")
    compiled: tuple[str, ...] = ("failover", "probe", "notify")
    trouble: Exception | None = None

    def build(self, spec: BundleSpec, _source: object, configuration: bytes, target: BundleTarget, out: Path,
              **how: Any) -> Built:  # fmt: skip
        """Answer as `build` does; the archive has 1,240,000 bytes."""
        self.asked.append((spec.name, configuration, target, out, how["cache"]))
        if self.trouble:
            raise self.trouble
        archive = self.folder / f"{spec.name}.zip"
        archive.write_bytes(b"0" * 1_240_000)
        fresh, compiled = spec.name in self.fresh, spec.name in self.compiled
        return Built(spec.name, archive, self.folder / spec.name, "0123456789abcdef", fresh=fresh, compiled=compiled)

    def run(self, *arguments: str) -> int:
        """Run the command with the configuration of this folder."""
        return command.main(["--config", str(self.folder / "natkeeper.yaml"), *arguments])


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A folder with a configuration, where each bundle takes a second and a quarter."""
    (tmp_path / "natkeeper.yaml").write_text(TEXT, encoding="utf-8")
    made = Workshop(tmp_path)
    ticks = iter(range(100))
    monkeypatch.setattr(command, "build", made.build)
    monkeypatch.setattr(command, "here", lambda: THIS_MACHINE)
    monkeypatch.setattr(command, "time", type("Clock", (), {"monotonic": lambda: 7 + next(ticks) * 1.25}))
    return made


@pytest.mark.parametrize(
    "arguments, target, says",
    [
        ((), FUNCTION_COMPUTE, ""),
        (("--for", "fc"), FUNCTION_COMPUTE, ""),
        (("--for", "fc2"), FUNCTION_COMPUTE_2, ""),
        (
            ("--for", "here"),
            THIS_MACHINE,
            "bundle: for this machine's Python 3.13: good for the local cloud, not for deployment\n",
        ),
    ],
)
def test_each_target_is_built_for(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], target: BundleTarget, says: str
) -> None:
    """Function Compute unless told otherwise; that this machine is another is said first."""
    workshop.fresh = ()
    assert workshop.run("--out", "o", "--cache", "c", *arguments) == 0
    assert [(name, *rest) for name, _, *rest in workshop.asked] == [
        (name, target, Path("o"), Path("c")) for name in ("failover", "probe", "notify")
    ]
    assert capsys.readouterr() == ("", says)


def test_a_machine_like_function_compute_builds_the_very_bundles(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So nothing is said about them."""
    monkeypatch.setattr(command, "here", lambda: FUNCTION_COMPUTE)
    workshop.fresh = ()
    assert workshop.run("--for", "here") == 0
    assert workshop.asked[0][2] is FUNCTION_COMPUTE
    assert capsys.readouterr().err == ""


def test_each_function_gets_what_it_reads(workshop: Workshop) -> None:
    """The whole configuration, the few settings of the probe, and the addresses from the file beside natkeeper.yaml."""
    (workshop.folder / "natkeeper.notify").write_text("json://a\n", encoding="utf-8")
    assert workshop.run() == 0
    given = {name: content for name, content, *_ in workshop.asked}
    assert b'"region": "cn-hangzhou"' in given["failover"]
    assert b"vtb-bp1aaaa" not in given["probe"]
    assert given["probe"].startswith(b"{")
    assert given["notify"] == b"json://a\n"


def test_what_was_made_is_said_with_size_digest_and_time(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was there already is not worth a line."""
    workshop.fresh = ("failover", "notify")
    assert workshop.run("--only", "probe", "--only", "notify") == 0
    assert [name for name, *_ in workshop.asked] == ["probe", "notify"]
    line = f"bundle: {workshop.folder / 'notify.zip'}  1.2 MB  sha256 0123456789ab  (1.2 s)\n"
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize(
    "fresh, compiled, said",
    [
        (("failover", "probe"), ("failover", "probe", "notify"), False),
        (("failover", "probe"), ("failover", "probe"), False),
        (("failover", "probe"), ("probe",), True),
        (("failover", "probe"), ("failover",), True),
        (("failover", "probe"), (), True),
    ],
)
def test_a_bundle_without_bytecode_is_said_to_start_more_slowly(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], fresh: tuple[str, ...], compiled: tuple[str, ...],
    *, said: bool,
) -> None:  # fmt: skip
    """Once, at the end, and only of what this run made."""
    workshop.fresh, workshop.compiled = fresh, compiled
    assert workshop.run() == 0
    last = "bundle: without bytecode, as there is no Python 3.12 here: each cold start will be seconds slower"
    lines = capsys.readouterr().err.splitlines()
    assert (lines.count(last), lines[-1] == last, len(lines)) == (said, said, 2 + said)


@pytest.mark.parametrize("trouble", [InstallFailed("no wheel"), BundleBroken("no module"), PermissionError("no room")])
def test_a_bundle_that_cannot_be_made_ends_the_command(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], trouble: Exception
) -> None:
    """With exit status 1 and the reason, and no other bundle is tried."""
    workshop.trouble = trouble
    assert workshop.run() == 1
    assert capsys.readouterr() == ("", f"{trouble}\n")
    assert len(workshop.asked) == 1


@pytest.mark.parametrize(
    "name, text, says",
    [
        ("natkeeper.yaml", "region: 5\n", "natkeeper.yaml: region: got 5"),
        ("natkeeper.notify", "nothing\n", "natkeeper.notify: line 1 is not one Apprise URL"),
    ],
)
def test_a_file_that_is_wrong_is_refused_before_anything_is_built(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], name: str, text: str, says: str
) -> None:
    """With exit status 2, be it the configuration or the addresses."""
    (workshop.folder / name).write_text(text, encoding="utf-8")
    assert workshop.run() == 2
    said = capsys.readouterr().err
    assert said.startswith(f"The configuration is refused:\n{workshop.folder}/{says}")
    assert said.endswith("\n")
    assert workshop.asked == []


@pytest.mark.parametrize("arguments", [("--for", "fc4"), ("--only", "nobody"), ("--nothing",)])
def test_an_argument_that_means_nothing_is_refused(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """In argparse's own words, which name what there is."""
    with pytest.raises(SystemExit) as ended:
        workshop.run(*arguments)
    assert ended.value.code == 2
    assert "usage: python -m natkeeper.packaging" in capsys.readouterr().err


def test_the_help_says_what_may_be_asked_for() -> None:
    """Targets, functions, and that several of these can be named."""
    said = " ".join(command._parser().format_help().split())
    assert "{fc,fc2,here}" in said
    assert "{failover,probe,notify} may be repeated" in said
    assert "Build what `s deploy` uploads." in said


def test_run_as_a_module_it_ends_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which is what `make` and `s` look at."""
    monkeypatch.setattr(sys, "argv", ["packaging", "--config", str(tmp_path / "natkeeper.yaml")])
    monkeypatch.delitem(sys.modules, "natkeeper.packaging.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("natkeeper.packaging", run_name="__main__")
    assert ended.value.code == 2
    assert "there is no such file" in capsys.readouterr().err
