"""A file is there whole or not at all, whatever ends the writing."""

import ast
import errno
import shutil
from pathlib import Path

import pytest

from signalcam.whole_file import whole_file, write_whole

pytestmark = pytest.mark.bad_input(60)


def test_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "page.html"
    with whole_file(path) as beside:
        beside.write_text("new")
        assert not path.exists()
        assert beside == tmp_path / ".page.part.html"  # hidden, and of the kind that it will be
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"page.html: No space .*[\d,]+ bytes are free"),
        (PermissionError(errno.EACCES, "Permission denied"), "page.html: Permission denied"),
        (ValueError("no figure"), "no figure"),
        (OSError("a library's own"), "^a library's own$"),
        (KeyboardInterrupt("stop"), "stop"),
    ],
)
def test_whatever_ends_the_writing_the_old_file_stays_and_no_part(tmp_path, error, said):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(type(error), match=said), whole_file(path) as beside:  # noqa: PT012
        beside.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left"),
            "No space left (1,234 bytes are free). Free space, or choose",
        ),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied, or choose"),
        (OSError(errno.EIO, ""), "[Errno 5] , or choose"),
    ],
)
def test_error_of_the_system_names_the_file_and_what_to_do(tmp_path, monkeypatch, error, said):
    asked, usage = [], shutil.disk_usage(tmp_path)._replace(free=1234)
    monkeypatch.setattr("signalcam.whole_file.shutil.disk_usage", lambda path: asked.append(path) or usage)
    path = tmp_path / "page.html"
    with pytest.raises(OSError, match="Cannot write") as caught, whole_file(path):
        raise error
    assert str(caught.value) == f"[Errno {error.errno}] Cannot write {path}: {said} another place."
    assert caught.value.errno == error.errno
    assert caught.value.__cause__ is error
    assert asked == ([tmp_path] if error.errno == errno.ENOSPC else [])


def test_folder_that_does_not_exist_is_named(tmp_path):
    path = tmp_path / "absent" / "page.html"
    with pytest.raises(OSError, match="Cannot write .*absent.*: No such file"), whole_file(path) as beside:
        beside.write_text("new")


def test_figure_and_page_are_written_whole(tmp_path, monkeypatch):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    from signalcam.plotting import save_figure

    path = save_figure(figure, tmp_path / "figure.png")
    before = path.read_bytes()

    def full(self, file, **options):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(figure), "savefig", full)
    with pytest.raises(OSError, match="figure.png: No space left"):
        save_figure(figure, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


WRITERS = ("write_text", "write_bytes", "write_table", "nbformat.write", "json.dump", "savefig", "savez")
WRITERS += (".save",)
TO_PATH = ("to_csv", "to_json", "to_parquet")  # without one they give text
NO_PATH = ("buffer", "file", "pages[0]")  # what is written to is open already
# What is whole by another way: renamed by itself (the cache, downloads, scores, a simulated set as a folder),
# or of no use until a file written after it says so (lessons).
OTHER_WAYS = {"commands/scoring.py", "data/cache.py", "data/http_files.py", "simulation/dataset.py"}
OTHER_WAYS |= {"training/lessons.py"}


def writes_half(path):
    """Lines of a module in which a file is written outside a `with whole_file(...)`."""
    found = []

    def visit(node, whole):
        if isinstance(node, ast.With):
            whole = whole or any("whole_file" in ast.unparse(item) for item in node.items)
        if isinstance(node, ast.Call) and not whole:
            callee, arguments = ast.unparse(node.func), [*map(ast.unparse, node.args)]
            opened = callee == "open" and len(arguments) > 1 and set(arguments[1]) & set("wxa")
            writes = callee.endswith(WRITERS) or (callee.endswith(TO_PATH) and arguments) or opened
            if writes and arguments[0] not in NO_PATH:
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        for child in ast.iter_child_nodes(node):
            visit(child, whole)

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def test_no_module_writes_a_file_that_a_kill_would_leave_half_written():
    folder = Path(__file__).resolve().parent.parent / "signalcam"
    modules = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    found = {name: half for name, path in modules.items() if (half := writes_half(path))}
    assert {name: half for name, half in found.items() if name not in OTHER_WAYS} == {}
    assert {*found} == OTHER_WAYS


@pytest.mark.parametrize("content", ["\u00b5V\r\n1\n", b"\x00\r\n"])
def test_text_and_bytes_are_written_as_they_are(tmp_path, content):
    write_whole(tmp_path / "table.csv", content)
    as_bytes = content if isinstance(content, bytes) else content.encode()
    assert (tmp_path / "table.csv").read_bytes() == as_bytes
