"""For which machine a bundle is made: which entries of a lock file apply there, and whether this one is like it."""

from __future__ import annotations

from types import SimpleNamespace as Names

import pytest
from packaging.markers import default_environment

from natkeeper.packaging import FUNCTION_COMPUTE, FUNCTION_COMPUTE_2, here
from natkeeper.packaging import target as module
from natkeeper.packaging.target import BundleTarget, runs_here

MARKERS = (
    ("sys_platform == 'linux' and platform_system == 'Linux' and os_name == 'posix'", True, True),
    ("implementation_name == 'cpython' and platform_python_implementation == 'CPython'", True, True),
    ("platform_machine == 'x86_64'", True, True),
    ("platform_release == '' and platform_version == ''", True, True),  # not known: no lock file asks for them
    (
        "python_version == '3.12' and python_full_version == '3.12.0' and implementation_version == '3.12.0'",
        True,
        False,
    ),
    (
        "python_version == '3.10' and python_full_version == '3.10.0' and implementation_version == '3.10.0'",
        False,
        True,
    ),
    ("", True, True),
)
"""Of a lock file; whether it is wanted by the functions of Function Compute 3.0, and of 2.0."""


@pytest.mark.parametrize("marker, new, old", MARKERS)
def test_each_word_of_a_marker_means_function_compute_s_own_machine(marker: str, *, new: bool, old: bool) -> None:
    """An entry that is left out, or one of another system, shows at a cold start only."""
    assert (FUNCTION_COMPUTE.wants(marker), FUNCTION_COMPUTE_2.wants(marker)) == (new, old)


@pytest.mark.parametrize("target, python", [(FUNCTION_COMPUTE, "3.12"), (FUNCTION_COMPUTE_2, "3.10")])
def test_nothing_about_the_target_is_left_to_the_python_that_packs(target: BundleTarget, python: str) -> None:
    """Each word that a marker may use is given, and pip is told implementation, version and every platform."""
    assert dict(target.markers).keys() == default_environment().keys()
    options = target.pip_options()
    assert options[:4] == ["--implementation", "cp", "--python-version", python]
    assert [*zip(options[4::2], options[5::2], strict=True)] == [("--platform", name) for name in target.platforms]
    assert len(target.platforms) > 20


def test_pip_is_offered_every_wheel_platform_of_the_c_library_and_of_those_before_it() -> None:
    """The newest first, down to 2.5, the oldest that has a name; three of them have an older name as well."""
    older = {17: "manylinux2014_x86_64", 12: "manylinux2010_x86_64", 5: "manylinux1_x86_64"}
    wanted = [name for minor in range(28, 4, -1) for name in (f"manylinux_2_{minor}_x86_64", older.get(minor)) if name]
    assert list(FUNCTION_COMPUTE.platforms) == wanted
    assert FUNCTION_COMPUTE_2.platforms == FUNCTION_COMPUTE.platforms


def test_pip_is_asked_for_nothing_special_where_it_packs_for_itself() -> None:
    """It then takes the wheels that suit its own Python."""
    assert BundleTarget("here", "3.13", platforms=(), markers=()).pip_options() == []


@pytest.mark.parametrize(
    "word, value, like",
    [
        ("python", (3, 12), True),
        ("python", (3, 10), False),
        ("python", (4, 12), False),
        ("name", "pypy", False),
        ("system", "darwin", False),
        ("machine", "aarch64", False),
        ("libc", ("glibc", "2.28"), True),
        ("libc", ("glibc", "2.27"), False),
        ("libc", ("glibc", "3.0"), True),
        ("libc", ("musl", "1.2.4"), False),
        ("libc", ("", ""), False),
    ],
)
def test_a_bundle_is_tried_only_where_its_wheels_run(
    monkeypatch: pytest.MonkeyPatch, word: str, value: object, *, like: bool
) -> None:
    """Each of these keeps a wheel from being imported; where nothing does, the local cloud gets the very bundle."""
    machine = {"python": (3, 12), "name": "cpython", "system": "linux", "machine": "x86_64", "libc": ("glibc", "2.31")}
    is_ = Names(**machine | {word: value})
    implementation = Names(name=is_.name, cache_tag=f"{is_.name}-tag")
    monkeypatch.setattr(
        module, "sys", Names(implementation=implementation, version_info=is_.python, platform=is_.system)
    )
    monkeypatch.setattr(module, "platform", Names(libc_ver=lambda: is_.libc, machine=lambda: is_.machine))
    assert runs_here(FUNCTION_COMPUTE) == like
    made = here()
    assert (made is FUNCTION_COMPUTE) == like
    if not like:
        assert (made.name, made.platforms) == (f"{is_.name}-tag-{is_.system}-{is_.machine}", ())
        assert made.python == "{}.{}".format(*is_.python)
        assert dict(made.markers) == default_environment()
        assert runs_here(made)
