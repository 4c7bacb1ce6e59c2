"""Which commit holds the program of a deploy: a file beside the templates, never in one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.statements import allow
from infra.source import DeployedSource
from infra.stage import Stage
from lambdas.contract.packages import GIT_COMMIT, PROGRAM_DIGEST, UNKNOWN


class CommitRecord(Construct):
    """An asset that is named by the program's digest and says a commit that holds it.

    A template with the commit would change with every commit. The CDK CLI publishes an asset only
    where none of its name lies yet, so the first deploy of a program says its commit, and later
    ones, of the same program, change nothing. An edited tree publishes under another name: once
    its program is committed, the commit is said.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        source: DeployedSource,
        publisher: cdk.DefaultStackSynthesizer,
    ) -> None:
        """publisher: the synthesizer of the stack."""
        super().__init__(scope, id)
        self._publisher = publisher
        qualifier = publisher.bootstrap_qualifier
        self.bucket = f"cdk-{qualifier}-assets-{stage.account}-{stage.region}"
        committed, edited = (_name(source.program_digest, state) for state in ("", "edited"))
        self.keys = (f"{committed}.json", f"{edited}.json")
        if source.commit != UNKNOWN:
            self._publish(source, edited if source.is_edited else committed)

    def may_read(self) -> list[iam.PolicyStatement]:
        """Read what is said of this program, and of no other."""
        return [
            allow(["s3:GetObject"], *(f"arn:aws:s3:::{self.bucket}/{key}" for key in self.keys))
        ]

    def _publish(self, source: DeployedSource, name: str) -> None:
        body = {GIT_COMMIT: source.commit, PROGRAM_DIGEST: source.program_digest}
        stage = cdk.Stage.of(self)
        assert stage is not None
        file = f"commit.{name}.json"
        (Path(stage.outdir) / file).write_text(json.dumps(body))
        self._publisher.add_file_asset(
            source_hash=name, packaging=cdk.FileAssetPackaging.FILE, file_name=file
        )


def _name(program_digest: str, state: str) -> str:
    return hashlib.sha256(f"{program_digest}\n{state}".encode()).hexdigest()
