"""A file is there whole or not at all, whatever ends the writing."""

import errno
import shutil

import pytest

from signalcam.whole_file import whole_file

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
