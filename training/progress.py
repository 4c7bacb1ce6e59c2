"""What a person follows while a model is made: plain lines with seconds and memory."""

import resource
import sys
import time


class TrainingProgress:
    """Logs each step with the seconds since the start, wall and CPU. Nothing of it is stored."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def log(self, message: str) -> None:
        """Print one line."""
        if not self.quiet:
            wall = time.perf_counter() - self.wall
            cpu = time.process_time() - self.cpu
            print(f"{wall:6.1f} s  {cpu:6.1f} CPU s  {message}", flush=True)

    def finish(self, message: str) -> None:
        """Print the last line, with the most memory that was held."""
        self.log(f"{message}; at most {peak_megabytes():.0f} MB of memory")


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
