"""Archives, byte by byte: their order, what each entry says of itself, and what may not be in them twice."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from natkeeper.packaging import archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files whose names sort otherwise than a walk through their folders finds them."""
    for name in ("b.py", "a/z.py", "a/deep/er.py", "a-b.py", "a.py"):
        path = tmp_path / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n", encoding="utf-8")
    return tmp_path / "content"


SORTED = ["a-b.py", "a.py", "a/deep/er.py", "a/z.py", "b.py"]


def test_files_are_listed_in_the_order_of_their_whole_names(folder: Path) -> None:
    """Relative to the directory, and in the same order on every file system."""
    assert [path.as_posix() for path in archive.files_below(folder)] == SORTED
    assert archive.files_below(folder / "nowhere") == []


def test_a_digest_counts_names_contents_and_where_each_ends() -> None:
    """The state of an earlier build is found again, and no two states are taken for one."""
    parts = [("a", b"xy"), ("", b"")]
    assert archive.digest_of(parts) == hashlib.sha256(b"1 2 a\nxy0 0 \n").hexdigest()
    others = [[("", b""), ("a", b"xy")], [("ax", b"y"), ("", b"")], [("a", b"xy")], [("a", b"x"), ("y", b"")]]
    assert len({archive.digest_of(each) for each in (parts, *others)}) == 5


def test_an_archive_is_made_with_all_above_it_and_over_what_was_there(folder: Path, tmp_path: Path) -> None:
    """Files by name, then what is given beside them; each is compressed, and of the earliest time and one mode."""
    made = tmp_path / "new" / "deep" / "one.zip"
    for _ in range(2):
        archive.write(made, folder, more={"z.json": b"0" * 1000, "c.json": b"{}"})
    with zipfile.ZipFile(made) as zipped:
        assert zipped.namelist() == [*SORTED, "z.json", "c.json"]
        assert zipped.read("a/deep/er.py") == b"a/deep/er.py\n"
        assert zipped.getinfo("z.json").compress_size < 100
        for entry in zipped.infolist():
            assert (entry.compress_type, entry.create_system) == (zipfile.ZIP_DEFLATED, 3)
            assert (entry.date_time, entry.external_attr) == ((1980, 1, 1, 0, 0, 0), 0o100644 << 16)


def test_one_archive_on_top_of_another_has_both(folder: Path, tmp_path: Path) -> None:
    """The entries of the lower one come first, and the lower one stays as it is."""
    lower, lower_content = tmp_path / "lower.zip", tmp_path / "lower"
    lower_content.mkdir()
    (lower_content / "zz.py").write_bytes(b"lower")
    archive.write(lower, lower_content)
    before = lower.read_bytes()
    archive.write(tmp_path / "whole.zip", folder, on_top_of=lower)
    with zipfile.ZipFile(tmp_path / "whole.zip") as zipped:
        assert zipped.namelist() == ["zz.py", *SORTED]
    assert lower.read_bytes() == before


@pytest.mark.parametrize("name", ["zz.py", "a.py"])
def test_a_name_that_stands_twice_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    """Be the first of them in the lower archive or among the files."""
    lower = tmp_path / "lower.zip"
    archive.write(lower, tmp_path / "nothing", more={"zz.py": b""})
    with pytest.raises(FileExistsError, match=f"^{name} is in the dependencies already$"):
        archive.write(tmp_path / "whole.zip", folder, on_top_of=lower, more={name: b""})
