"""Many jobs, each done once: here one after the other, or on the workers of a Dask cluster."""

import contextlib
import importlib
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
        function: of a module, so that workers can import it.
        jobs: the arguments of each job, by its name.
        scheduler: address of a Dask scheduler, whose workers see the same files.
        workers: without a scheduler: processes on this machine; with 1, no Dask is needed.
        progress: show a progress bar.

    Returns:
        The error of each job that failed, and that a retry did not help, by its name; the others go on.

    Raises:
        ImportError: where Dask is needed and not installed.
    """
    failed = {}
    bar = {"total": len(jobs), "unit": "job", "disable": not progress}
    if scheduler is None and workers == 1:
        for name, arguments in tqdm(jobs.items(), **bar):
            try:
                function(*arguments)
            except Exception as error:  # noqa: BLE001 (one job that fails leaves the others)
                failed[name] = f"{type(error).__name__}: {error}"
        return failed
    try:
        from distributed import Client, LocalCluster, as_completed
    except ImportError as error:
        raise ImportError('Dask is not installed: pip install "signalcam[cluster]".') from error
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            scheduler = stack.enter_context(local)
        client = stack.enter_context(Client(scheduler))
        names = {
            client.submit(_job, function, *arguments, pure=False, retries=RETRIES): name
            for name, arguments in jobs.items()
        }
        for future in tqdm(as_completed(names), **bar):
            if future.status != "finished":
                error = future.exception()
                failed[names[future]] = f"{type(error).__name__}: {error}"
    return failed


def _job(function: Callable, *arguments: Any) -> None:
    """Run a job on a worker so that a seed means there what it means elsewhere.

    Dask's own thread draws from Python's `random`, too, to estimate sizes and to wait; between the layers
    of a network that would change its initial weights. Here it gets a generator of its own.
    """
    for name in ("dask.sizeof", "distributed.comm.core", "distributed.utils_comm"):
        importlib.import_module(name).random = random.Random()
    function(*arguments)
