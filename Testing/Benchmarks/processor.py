"""Processor time, for benchmarks on a machine that others use too. Holds no benchmark itself."""

import time


def seconds(action, repeats):
    """Least seconds of the processor over the repeats, and the last result: others on a machine only add to it."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        result = action()
        spent.append(time.process_time() - start)
    return min(spent), result
