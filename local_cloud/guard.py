"""Run one command that must not outlive whoever asked for it.

Started as a script by `local_cloud.processes`, with nothing but the standard library. The command
gets its own session; it is ended, with everything it started, when the pipe on our standard input
closes. That happens when the owner says stop, and just as well when the owner is killed: a pipe
needs no cooperation from the dead, and unlike PR_SET_PDEATHSIG it does not fire when only the
thread that started the child ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


def end(child: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    """Ask the child's whole group to end, then make it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        try:
            child.wait(grace_seconds)
            break
        except subprocess.TimeoutExpired:
            continue


def main(arguments: list[str]) -> int:
    grace_seconds, command = float(arguments[0]), arguments[1:]
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127

    def ask(*_: object) -> None:
        threading.Thread(target=end, args=(child, grace_seconds), daemon=True).start()

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 64):
                pass
        end(child, grace_seconds)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to handle
    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # what the child left behind
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
