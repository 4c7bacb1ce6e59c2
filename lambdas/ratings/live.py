"""Which package is live: the record, remembered for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

from lambdas.contract.live import NONE
from lambdas.ports.endpoint import NotDeployedError
from reviews.errors import ModelError, NotReadyError

SECONDS = 10.0
NONE_SECONDS = 1.0  # a first release must be seen at once


class EndpointMissingError(ModelError):
    """A package is live, and no endpoint serves it: somebody or something took it away."""


class Live:
    """The live record.

    read: asks for it; clock: seconds that never go back.
    """

    def __init__(
        self, read: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._package = ""
        self._until = float("-inf")

    def is_named(self) -> bool:
        """Whether the record names a package now, whatever it named a moment ago.

        Raises NotReadyError where nobody knows.
        """
        self._until = float("-inf")
        try:
            self.package()
        except NotDeployedError:
            return False
        return True

    def package(self) -> str:
        """The ARN of the live package.

        Raises NotDeployedError where nothing is released, NotReadyError where nobody knows.
        """
        if self._clock() >= self._until:
            self._ask()
        if self._package == NONE:
            raise NotDeployedError("no model is released")
        return self._package

    def _ask(self) -> None:
        try:
            self._package = self._read()
        except NotReadyError:
            if not self._package:
                raise
        self._until = self._clock() + (NONE_SECONDS if self._package == NONE else SECONDS)
