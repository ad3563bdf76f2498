"""Times one thread against two, in cache and out of it, and right after a pause.

Out of cache the threads share the memory's bandwidth; after a pause the second one has to be woken first, which a
loop of back-to-back calls never shows. Both decide where `WORK_PER_THREAD` belongs.
"""

import time

import lrncore

from . import cases

PASSES = ("forward", "backward")
PAUSE = 0.005


class Threads(cases.Sweep):
    params = (PASSES, cases.BATCHES, (1, 2))
    param_names = ("pass", "batch", "threads")

    def setup(self, direction, batch, threads):
        if threads > lrncore.get_num_threads():
            raise NotImplementedError("one thread is all there is here, or all that a forked process may use")
        self.run = getattr(cases.Call(cases.alexnet(batch=batch), threads=threads), direction)

    def time_call(self, *_):
        self.run()


class AfterPause(Threads):
    repeat = (20, 60, 0.6)
    # it would be spent in pauses
    warmup_time = 0

    def setup(self, *params):
        super().setup(*params)
        self.run()
        time.sleep(PAUSE)
