import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from configs import RiskError
from reports.storage import atomic
from reports.storage.atomic import publish_folder

MARK = "provenance.json"


def _write(text: str, n_files: int = 20):
    def write(aside: Path) -> None:
        for i in range(n_files):
            (aside / f"part{i}").write_text(text)
        (aside / MARK).write_text(text)

    return write


def _texts(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.iterdir()}


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch):
    """Both ways to replace a folder: the system's exchange, and two renames where it has none."""
    if request.param == "two renames":
        monkeypatch.setattr(atomic, "_exchange", lambda first, second: False)


def test_a_folder_is_made_replaced_and_left_clean(way, tmp_path: Path):
    folder = tmp_path / "region" / "2003-06-12"
    for text in ("one", "two"):
        assert publish_folder(folder, _write(text), MARK) == folder
        assert _texts(folder) == {text}
    assert [path.name for path in folder.parent.iterdir() if path.name != ".climate-risk.lock"] == [
        "2003-06-12"
    ]


def test_equal_content_is_left_alone(tmp_path: Path):
    folder = publish_folder(tmp_path / "day", _write("one"), MARK)
    before = folder.stat().st_ino, (folder / MARK).stat().st_mtime_ns
    publish_folder(folder, _write("one"), MARK)
    assert (folder.stat().st_ino, (folder / MARK).stat().st_mtime_ns) == before


def test_an_officers_file_survives_a_new_report(way, tmp_path: Path):
    folder = publish_folder(tmp_path / "day", _write("one"), MARK)
    (folder / "note.txt").write_text("mine")
    publish_folder(folder, _write("two"), MARK)
    assert (folder / "note.txt").read_text() == "mine" and (folder / MARK).read_text() == "two"


def test_what_is_ours_and_not_made_again_goes(way, tmp_path: Path):
    """A PDF of the numbers before would contradict the page beside it."""
    folder = publish_folder(tmp_path / "day", _write("one", 1), MARK)
    for name in ("report.fr.pdf", "note.txt"):
        (folder / name).write_text("old")
    publish_folder(folder, _write("one", 1), MARK, ("report.*",))
    assert _names(folder) == {MARK, "part0", "note.txt"}
    publish_folder(folder, _write("two", 1), MARK, ("part*",))
    assert _texts(folder) == {"two", "old"}


def _with_alerts(*names: str, text: str = "alert"):
    def write(aside: Path) -> None:
        (aside / MARK).write_text("same")
        (aside / "alerts").mkdir()
        for name in names:
            (aside / "alerts" / name).write_text(text)

    return write


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_subfolder_is_replaced_whole(way, tmp_path: Path):
    folder = publish_folder(tmp_path / "day", _with_alerts("heat.xml", "flood.xml"), MARK)
    (folder / "mine").mkdir()
    (folder / "mine" / "note.txt").write_text("mine")
    publish_folder(folder, _with_alerts("heat.xml"), MARK)
    assert _names(folder) == {MARK, "alerts/heat.xml", "mine/note.txt"}
    publish_folder(folder, _with_alerts("heat.xml", text="other"), MARK)
    assert (folder / "alerts" / "heat.xml").read_text() == "other"
    publish_folder(folder, _with_alerts(), MARK)
    assert _names(folder) == {MARK, "mine/note.txt"}


def test_equal_subfolders_are_left_alone(tmp_path: Path):
    folder = publish_folder(tmp_path / "day", _with_alerts("heat.xml"), MARK)
    before = folder.stat().st_ino
    publish_folder(folder, _with_alerts("heat.xml"), MARK)
    assert folder.stat().st_ino == before
    (folder / "alerts" / "stale.xml").write_text("x")
    publish_folder(folder, _with_alerts("heat.xml"), MARK)
    assert folder.stat().st_ino != before and not (folder / "alerts" / "stale.xml").exists()


def test_a_file_or_a_link_in_the_place_of_a_subfolder_gives_way(way, tmp_path: Path):
    folder = publish_folder(tmp_path / "day", _write("one", 1), MARK)
    (folder / "alerts").write_text("a file")
    publish_folder(folder, _with_alerts("heat.xml"), MARK)
    assert _names(folder) == {MARK, "part0", "alerts/heat.xml"}
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "heat.xml").write_text("alert")
    (folder / "alerts" / "heat.xml").unlink()
    (folder / "alerts").rmdir()
    (folder / "alerts").symlink_to(tmp_path / "elsewhere")
    publish_folder(folder, _with_alerts("heat.xml"), MARK)
    assert (
        not (folder / "alerts").is_symlink()
        and (tmp_path / "elsewhere" / "heat.xml").read_text() == "alert"
    )


def test_a_folder_that_is_no_report_is_refused(tmp_path: Path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(RiskError, match=r"found files but no provenance\.json"):
        publish_folder(tmp_path / "thesis", _write("one"), MARK)
    (tmp_path / "file").write_text("")
    with pytest.raises(RiskError, match="found a file"):
        publish_folder(tmp_path / "file", _write("one"), MARK)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_a_reader_finds_every_file_at_all_times(tmp_path: Path):
    folder = publish_folder(tmp_path / "day", _write("0"), MARK)
    missed: list[str] = []
    done = threading.Event()

    def look():
        while not done.is_set():
            missed.extend(
                name
                for name in ("part0", "part19", MARK)
                if not (folder / name).is_file() or not (folder / name).read_text()
            )

    reader = threading.Thread(target=look)
    reader.start()
    for i in range(1, 30):
        publish_folder(folder, _write(str(i)), MARK)
    done.set()
    reader.join()
    assert not missed and _texts(folder) == {"29"}


KILLED = """
import sys, time
from pathlib import Path
from reports.storage import atomic
folder, moment = Path(sys.argv[1]), sys.argv[2]
def wait(*ignored):
    print("here", flush=True)
    time.sleep(60)
def write(aside):
    (aside / "provenance.json").write_text("two")
    if moment == "writing":
        wait()
    (aside / "part0").write_text("two")
if moment == "before the exchange":
    atomic._put = wait
if moment == "between two renames":
    atomic._exchange = lambda first, second: False
    rename, count = atomic.os.rename, []
    def once(one, other):
        count.append(1)
        wait() if len(count) == 2 else rename(one, other)
    atomic.os.rename = once
if moment == "cleaning up":
    atomic.shutil.rmtree = wait
atomic.publish_folder(folder, write, "provenance.json")
"""


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("writing", {"one"}),
        ("before the exchange", {"one"}),
        ("between two renames", None),
        ("cleaning up", {"two"}),
    ],
)
def test_a_killed_publisher_leaves_a_whole_folder_and_the_next_cleans_up(
    tmp_path: Path, moment, left
):
    folder = publish_folder(tmp_path / "day", _write("one", 1), MARK)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), moment], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    if left is None:
        assert not folder.exists()
    else:
        assert _texts(folder) == left
    publish_folder(tmp_path / "next day", _write("three", 1), MARK)
    assert _texts(folder) == (left or {"one"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".climate-risk.lock",
        "day",
        "next day",
    ]


def test_publishers_take_turns(tmp_path: Path):
    running: list[str] = []

    def slow(aside: Path) -> None:
        assert not running
        running.append("me")
        time.sleep(0.05)
        (aside / MARK).write_text("x")
        running.pop()

    threads = [
        threading.Thread(target=publish_folder, args=(tmp_path / str(i), slow, MARK))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((tmp_path / str(i) / MARK).is_file() for i in range(4))
