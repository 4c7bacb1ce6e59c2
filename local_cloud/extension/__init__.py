"""What MiniStack lacks for our app, closed by registering in its own tables.

Nothing is patched on disk. Each module closes one gap and names the condition for deleting it.
`tests/contract/test_emulator_hooks.py` fails when a hook that we use has moved.
"""

from local_cloud.extension import authorization, requests


def install() -> None:
    """Close every gap that does not depend on the order of registration."""
    requests.install()
    authorization.install()


def install_last() -> None:
    """Wrap what others have registered by now."""


def drain() -> None:
    """Deliver what is still buffered."""
