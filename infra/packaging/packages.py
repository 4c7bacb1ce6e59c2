"""Where a Lambda function's code comes from."""

from __future__ import annotations

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
        """The code of one package. Raises PackageError where it has not been built."""
        if self.folder is None:
            return lambda_.Code.from_inline(PLACEHOLDER)
        path = self.folder / f"{package}.zip"
        if not path.is_file():
            raise MissingPackageError(
                f"{path} is missing: run `make package STAGE={path.parent.name}` first"
            )
        return lambda_.Code.from_asset(str(path))
