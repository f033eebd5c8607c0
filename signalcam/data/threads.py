"""A function over many items in threads, with results in order and few of them in memory."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor


def in_order(
    function: Callable, items: Iterable, n_workers: int, ahead: int, stop: threading.Event | None = None
) -> Iterator[tuple]:
    """Yield (item, function(item)) in the order of the items, computed in threads.

    An error is raised where its result would be; what has not begun by then is not begun. At most `ahead`
    results wait to be taken. `stop` is set at any end (error, Ctrl-C), before the threads are waited for.
    """
    items, waiting = iter(items), deque()
    with ThreadPoolExecutor(n_workers) as pool:
        try:
            while True:
                for item in itertools.islice(items, ahead - len(waiting)):
                    waiting.append((item, pool.submit(function, item)))
                if not waiting:
                    return
                item, future = waiting.popleft()
                yield item, future.result()
        finally:
            if stop is not None:
                stop.set()
            pool.shutdown(cancel_futures=True)
