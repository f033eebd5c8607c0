"""Jobs on the workers of a Dask cluster: each done once, whatever becomes of workers and scheduler."""

import os
import signal
import threading
import time

import pytest

from signalcam.deployment import run_jobs


def note(folder, name, what=""):
    """A job whose file has an x for each time that it was begun."""
    with open(folder / name, "a") as file:
        file.write("x")
    times = len((folder / name).read_text())
    if what == "fails":
        raise ValueError("this one")
    if what == "kills its worker" or (what == "kills its first worker after a" and times == 1):
        while what.endswith("after a") and not (folder / "a").exists():
            time.sleep(0.01)
        time.sleep(1)  # for what was done before to be told
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "takes long":
        time.sleep(30)


def jobs_of(folder, **what):
    return {name: (folder, name, how) for name, how in what.items()}


def times_begun(folder):
    return {path.name: len(path.read_text()) for path in folder.iterdir()}


@pytest.fixture
def cluster(request):
    distributed = pytest.importorskip("distributed")
    dask, n_threads = pytest.importorskip("dask"), getattr(request, "param", 1)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(1, threads_per_worker=n_threads, dashboard_address=None) as cluster,
    ):
        yield cluster


def test_job_that_fails_is_named_and_the_others_are_done(tmp_path):
    jobs = jobs_of(tmp_path, a="", b="fails", c="")
    assert run_jobs(note, jobs, progress=False) == {"b": "ValueError: this one"}
    assert times_begun(tmp_path) == {"a": 1, "b": 1, "c": 1}


def test_at_least_one_worker_is_needed(tmp_path):
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        run_jobs(note, jobs_of(tmp_path, a=""), workers=0)


@pytest.mark.slow
def test_job_that_fails_on_a_worker_is_tried_again(tmp_path):
    pytest.importorskip("distributed")
    jobs = jobs_of(tmp_path, a="", b="fails")
    assert run_jobs(note, jobs, workers=2, progress=False) == {"b": "ValueError: this one"}
    assert times_begun(tmp_path) == {"a": 1, "b": 3}


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [2], indirect=True)
def test_finished_job_is_not_done_again_where_its_worker_dies_of_another(tmp_path, cluster):
    jobs = jobs_of(tmp_path, a="", b="kills its first worker after a")
    assert run_jobs(note, jobs, cluster.scheduler_address, progress=False) == {}
    assert times_begun(tmp_path) == {"a": 1, "b": 2}


@pytest.mark.slow
def test_finished_job_is_neither_failed_nor_asked_for_where_its_worker_dies_at_once(
    tmp_path, cluster, monkeypatch
):
    import distributed

    as_completed, client = distributed.as_completed, distributed.Client(cluster)

    def killing(futures):
        for future in as_completed(futures):
            for process in client.run(os.getpid).values():
                os.kill(process, signal.SIGKILL)
            while future.status == "finished":
                time.sleep(0.01)
            yield future

    monkeypatch.setattr(distributed, "as_completed", killing)
    jobs = jobs_of(tmp_path, a="")
    assert run_jobs(note, jobs, cluster.scheduler_address, progress=False) == {}
    client.close()
    ends = time.monotonic() + 10
    while cluster.scheduler.tasks and time.monotonic() < ends:
        time.sleep(0.01)
    assert not cluster.scheduler.tasks, "what Dask would do when the worker has started again"
    assert times_begun(tmp_path) == {"a": 1}


@pytest.mark.slow
def test_job_that_kills_every_worker_is_named_and_not_those_that_waited_behind_it(tmp_path, cluster):
    jobs = jobs_of(tmp_path, killer="kills its worker", b="", c="", d="")
    (failed,) = run_jobs(note, jobs, cluster.scheduler_address, progress=False).items()
    assert failed[0] == "killer"
    assert failed[1].startswith("KilledWorker: ")
    times = times_begun(tmp_path)
    assert (times["b"], times["c"], times["d"]) == (1, 1, 1)


@pytest.mark.slow
def test_scheduler_that_is_lost_is_told(tmp_path, cluster):
    def close():
        while not (tmp_path / "b").exists():
            time.sleep(0.02)
        cluster.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(ConnectionError, match="scheduler must run until all jobs are done"):
        run_jobs(note, jobs_of(tmp_path, b="takes long"), cluster.scheduler_address, progress=False)
    closer.join()
