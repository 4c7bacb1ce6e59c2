"""Where a Lambda function's code comes from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

PLACEHOLDER = "def handler(event, context):\n    raise NotImplementedError\n"


class MissingPackageError(FileNotFoundError):
    """A function's package has not been built."""


class Packages:
    """The zips that `make package` built for a stage; one a function.

    folder: None stands for templates alone, where no code is wanted (tests).
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def code(self, package: str) -> lambda_.Code:
        """The code of one package. Raises MissingPackageError where it has not been built."""
        if self.folder is None:
            return lambda_.Code.from_inline(PLACEHOLDER)
        return lambda_.Code.from_asset(str(_built(self.folder, package)))

    def digest(self, package: str) -> str:
        """sha256 (hex) of a package: names the code that runs, whatever commit it came from.

        Raises MissingPackageError where it has not been built.
        """
        if self.folder is None:
            return hashlib.sha256(PLACEHOLDER.encode()).hexdigest()
        with _built(self.folder, package).open("rb") as body:
            return hashlib.file_digest(body, "sha256").hexdigest()


def _built(folder: Path, package: str) -> Path:
    path = folder / f"{package}.zip"
    if not path.is_file():
        raise MissingPackageError(
            f"{path} is missing: run `make package STAGE={folder.name}` first"
        )
    return path
