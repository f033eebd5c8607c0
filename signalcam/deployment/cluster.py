"""Many jobs, each done once: here one after the other, or on the workers of a Dask cluster."""

import contextlib
import importlib
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

from tqdm.auto import tqdm

RETRIES = 2  # of a job that raised an error; one whose worker died is given to another besides


def run_jobs(
    function: Callable,
    jobs: Mapping[str, tuple],
    scheduler: str | None = None,
    workers: int = 1,
    progress: bool = True,
) -> dict[str, str]:
    """Run a function once for each job; it stores its result itself, under a name of its own.

    Args:
        function: of a module, so that workers can import it. A job whose worker dies is begun again.
        jobs: the arguments of each job, by its name.
        scheduler: address of a Dask scheduler, whose workers see the same files.
        workers: without a scheduler: processes on this machine; with 1, no Dask is needed. With more, a
            script needs the guard `if __name__ == "__main__":`.
        progress: show a progress bar.

    Returns:
        The error of each job that failed, and that a retry did not help, by its name; the others go on.

    Raises:
        ConnectionError: the scheduler cannot be reached any longer.
        ImportError: where Dask is needed and not installed.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}.")
    failed, bar = {}, {"total": len(jobs), "unit": "job", "disable": not progress}
    if not jobs or (scheduler is None and workers == 1):
        for name, arguments in tqdm(jobs.items(), **bar):
            try:
                function(*arguments)
            except Exception as error:  # noqa: BLE001 (one job that fails leaves the others)
                failed[name] = f"{type(error).__name__}: {error}"
        return failed
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ImportError('Dask is not installed: pip install "signalcam[cluster]".') from error
    here = {"n_workers": min(workers, len(jobs)), "threads_per_worker": 1, "dashboard_address": None}
    here["memory_limit"] = None  # a training may take more than a worker's share of the memory
    where = contextlib.nullcontext(scheduler) if scheduler else LocalCluster(**here)
    with where as address, Client(address) as client:
        bar["desc"] = f"{len(client.nthreads())} workers at the start"  # 0: the jobs wait for some
        failed = _on_workers(client, function, jobs, bar)
        # Dask blames those, too, that only waited on a worker that died. Alone, each answers for itself.
        for name in [name for name, error in failed.items() if error.startswith("KilledWorker")]:
            del failed[name]
            failed |= _on_workers(client, function, {name: jobs[name]}, {"disable": True})
    return failed


def _on_workers(client: Any, function: Callable, jobs: Mapping[str, tuple], bar: dict) -> dict[str, str]:
    """Run jobs side by side; return the errors of those that failed."""
    from distributed import as_completed
    from distributed.utils import silence_logging_cmgr

    names, failed = {}, {}
    for name, arguments in jobs.items():
        names[client.submit(_job, function, *arguments, pure=False, retries=RETRIES)] = name
    for future in tqdm(as_completed(names), **bar):
        if future.cancelled():
            with silence_logging_cmgr(logging.CRITICAL, "distributed.client"):  # it would tell at length
                client.close()
            wanted = f"must run until all jobs are done, got no connection any longer with {len(names)} left"
            raise ConnectionError(f"The scheduler {wanted}. What is done is stored: start the same again.")
        name = names.pop(future)
        if future.status == "error":
            error = future.exception()
            failed[name] = f"{type(error).__name__}: {error}"
        # Else Dask would do it again if the worker that holds its result, None, died.
        future.release()
    return failed


def _job(function: Callable, *arguments: Any) -> None:
    """Run a job on a worker so that a seed means there what it means elsewhere.

    Dask's own thread draws from Python's `random`, too, to estimate sizes and to wait; between the layers
    of a network that would change its initial weights. Here it gets a generator of its own.
    """
    for name in ("dask.sizeof", "distributed.comm.core", "distributed.utils_comm"):
        importlib.import_module(name).random = random.Random()
    function(*arguments)
