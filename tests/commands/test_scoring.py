"""`score`: each recording once, whatever breaks on the way, and what `predict` says of it."""

import argparse
import json
import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
from broken_recordings import write_broken
from recording_files import write_wfdb

from signalcam.__main__ import main
from signalcam.commands import scoring
from signalcam.deployment import load_pretrained, settings_of

parquet = pytest.importorskip("pyarrow.dataset")
pytest.importorskip("ai_edge_litert")


@pytest.fixture
def archive(tmp_path, ecg_like):
    """Six recordings, one of them with a flat lead, and a file that cannot be read."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for k, signals in enumerate(ecg_like):
        write_wfdb(folder, signals if k != 2 else np.where(np.arange(12) == 6, 0.25, signals), name=f"r{k}")
    (folder / "broken.hea").write_text("nothing")
    return folder


def rows_of(folder):
    return parquet.dataset(folder, format="parquet").to_table().to_pylist()


def test_dataset_holds_what_predict_says_with_map_and_embedding(archive, tmp_path, ecg_like, capsys):
    output = tmp_path / "scores"
    assert main(["score", str(archive), "--output", str(output), "--part-size", "3"]) == 1
    text = capsys.readouterr().out
    assert "7 recordings in 3 files, 1 of them without an answer" in text
    assert "broken.hea: " in text
    rows = {os.path.basename(row["file"]): row for row in rows_of(output)}
    assert len(rows) == 7
    assert rows["broken.hea"]["probability_ABNORMAL"] is None
    model = load_pretrained(engine="litert")
    main(["predict", "normal-abnormal", str(archive), "--format", "json"])
    for said in json.loads(capsys.readouterr().out):
        row = rows[os.path.basename(said["file"])]
        assert row["probability_ABNORMAL"] == pytest.approx(said["probability"], abs=1e-6)
        assert "; ".join(row["notes"]) == said["notes"]
    assert rows["r2.hea"]["flat"] == ["V1"]
    expected = model.predict(ecg_like[:1])
    evidence = np.frombuffer(rows["r0.hea"]["evidence"], np.float16).reshape(-1, 1)
    np.testing.assert_allclose(evidence, expected["evidence"][0], atol=0.05, rtol=0.01)
    np.testing.assert_allclose(rows["r0.hea"]["embedding"], expected["embedding"][0], atol=1e-2)
    facts = parquet.dataset(output, format="parquet").schema.metadata[b"signalcam"]
    assert json.loads(facts)["class_names"] == list(settings_of(model).class_names)


def test_second_run_adds_what_is_new_and_does_nothing_twice(archive, tmp_path, ecg_like, monkeypatch):
    output, done = tmp_path / "scores", []
    score_part = scoring.score_part

    def killed_once(*arguments):
        done.append(arguments[2])
        (output / ".unfinished.part").write_bytes(b"of a worker that was killed as it wrote")
        score_part(*arguments)

    monkeypatch.setattr(scoring, "score_part", killed_once)
    command = ["score", str(archive), "--output", str(output), "--part-size", "4"]
    main(command)
    assert not list(output.glob(".*"))
    (output / ".unfinished.part").write_bytes(b"of a run that was killed")
    (output / "part-000001.parquet").unlink()
    write_wfdb(archive, ecg_like[0], name="new")
    main(command)
    assert done == [
        "part-000000.parquet",
        "part-000001.parquet",
        "part-000001.parquet",
        "part-000002.parquet",
    ]
    files = [os.path.basename(row["file"]) for row in rows_of(output)]
    assert sorted(files) == sorted(path.name for path in archive.glob("*.hea"))
    assert not list(output.glob(".*"))


def test_folder_of_another_model_is_refused(archive, tmp_path, capsys):
    output = tmp_path / "scores"
    main(["score", str(archive), "--output", str(output)])
    capsys.readouterr()
    assert main(["score", str(archive), "--output", str(output), "--model", "superclasses"]) == 1
    assert "was begun with another model" in capsys.readouterr().err


def test_part_that_a_worker_had_written_before_it_died_is_not_done_again(tmp_path):
    (tmp_path / "part").write_text("whole")
    arguments = argparse.Namespace(output=tmp_path, model="there is none")
    scoring.score_part(arguments, [], "part")
    assert (tmp_path / "part").read_text() == "whole"


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice_where_a_worker_is_killed(tmp_path, ecg_like, capsys):
    distributed = pytest.importorskip("distributed")
    archive, output = tmp_path / "archive", tmp_path / "scores"
    archive.mkdir()
    write_wfdb(tmp_path, ecg_like[0], name="one")
    header = (tmp_path / "one.hea").read_text()
    for k in range(5000):
        (archive / f"r{k}.hea").write_text(header.replace("one", f"r{k}"))
        os.link(tmp_path / "one.dat", archive / f"r{k}.dat")
    broken = {str(path) for path in write_broken(archive)}
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            victim = next(iter(client.run(os.getpid).values()))

        def kill():
            while not list(output.glob("part-*.parquet")):
                time.sleep(0.02)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        command = ["score", archive, "--output", output, "--scheduler", cluster.scheduler_address]
        status = main([*map(str, command), "--part-size", "100"])
        killer.join()
    rows = rows_of(output)
    files = [row["file"] for row in rows]
    assert status == 1
    assert len(files) == len(set(files))
    good = {str(archive / f"r{k}.hea") for k in range(5000)}
    assert good <= set(files)
    assert {row["file"] for row in rows if row["error"]} == set(files) - good
    assert len(set(files) - good) >= len(broken) > 0
    assert len({row["probability_ABNORMAL"] for row in rows if row["error"] is None}) == 1
    assert not list(output.glob(".*"))
    shutil.rmtree(archive)
