"""Times one thread against two, in cache and out of it, and right after a pause.

Out of cache the threads share the memory's bandwidth; after a pause the second one has to be woken first, which a
loop of back-to-back calls never shows. Both decide which arrays are worth a team (`_threads.worth_a_team`).
Default calls choose between the two: on quiet cores they should take what two threads do, and beside a busy process
what one does.
"""

import subprocess
import sys
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


class Default(cases.Sweep):
    params = (PASSES, cases.BATCHES, (0, 1))
    param_names = ("pass", "batch", "busy processes")

    def setup(self, direction, batch, busy):
        if lrncore.get_num_threads() < 2:
            raise NotImplementedError("one thread is all there is here, or all that a forked process may use")
        self.programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        self.run = getattr(cases.Call(cases.alexnet(batch=batch), threads=None), direction)
        for _ in range(3):
            self.run()

    def teardown(self, *_):
        for program in getattr(self, "programs", ()):
            program.kill()
            program.wait()

    def track_ten_calls(self, *_):
        """Return the seconds of ten calls: a single one may be the one that waits."""
        start = time.perf_counter()
        for _ in range(10):
            self.run()
        return time.perf_counter() - start

    track_ten_calls.unit = "seconds"


class AfterPause(Threads):
    repeat = (20, 60, 0.6)
    # it would be spent in pauses
    warmup_time = 0

    def setup(self, *params):
        super().setup(*params)
        self.run()
        time.sleep(PAUSE)
