"""Ten faults that a review found, each as a change of this folder, and the scene that must fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rehearsal import trees

SILENT = "the probe is silent"  # the row of outages that is caused here


@dataclass(frozen=True)
class Fault:
    """What is put back. changes: of a file, what stands there and what stood there.

    scene: the one that must fail; says: a pattern of the sentence with which it does.
    """

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    scene: str
    says: str

    def put_back(self, tree: Path) -> None:
        """Change a copy of this folder. Raises AssertionError where the fault no longer applies."""
        path = tree / self.file
        text = path.read_text()
        for now, before in self.changes:
            assert text.count(now) == 1, f"the fault {self.name!r} no longer applies: {now!r}"
            text = text.replace(now, before)
        path.write_text(text)


BUCKETS = Fault(
    "retained buckets on a first deploy that failed",
    "infra/constructs/buckets.py",
    (
        (
            "from infra.blocks.deployment import data_removal\n",
            "from aws_cdk import RemovalPolicy\n\ndata_removal = lambda _: RemovalPolicy.RETAIN\n",
        ),
    ),
    "failed-deploy",
    r"failed and left \S*review-stars-prod-\S+",
)
DOCKER = Fault(
    "no Docker form of the image",
    "infra/constructs/image.py",
    (('DOCKER_FORM = "type=docker"', 'DOCKER_FORM = "type=image"'),),
    "data",
    r"Unsupported manifest media type application/vnd\.oci\.image",
)
USER_AGENT = Fault(
    "no User-Agent",
    "lambdas/ports/api.py",
    (('"application/json", "user-agent": USER_AGENT}', '"application/json"}'),),
    "strangers",
    "the firewall refuses our own client, as it does each that names no User-Agent",
)
COMMIT = Fault(
    "code named by commit",
    "infra/packaging/packages.py",
    (
        (
            '        with _built(self.folder, package).open("rb") as body:\n'
            '            return hashlib.file_digest(body, "sha256").hexdigest()\n',
            "        from infra.source import DeployedSource\n\n"
            "        return DeployedSource.read().commit\n",
        ),
    ),
    "same-deploy",
    "only the commit differs, and yet preprocessing",
)
SHARE = Fault(
    "no reserved share for the API",
    "infra/constructs/ratings.py",
    (("            reserved_concurrency=platform.stage.api.reserved_concurrency,\n", ""),),
    "share",
    "the API has no reserved share: bulk work may take all",
)
APPROVAL = Fault(
    "missing approval condition",
    "infra/blocks/statements.py",
    (("    return NOT_APPROVED\n", "    return None\n"),),
    "automation",
    "the package was approved by ",
)
METRIC = Fault(
    "an alarm on a metric that nobody emits",
    "infra/constructs/ratings.py",
    (
        (
            "own_metric(self._stage, MODEL_ERRORS, ",
            'own_metric(self._stage, "Model" + MODEL_ERRORS, ',
        ),
    ),
    "signals",
    "model-errors looks at ReviewStars ModelModelErrors .*: nobody emits it",
)
MISSING = Fault(
    "missing data as good on the probe",
    "infra/constructs/probe.py",
    (('missing="bad", message="The API does not', 'message="The API does not'),),
    "outages",
    "silent: probe-failed",
)
LOG = Fault(
    "a log group's ARN without `:*`",
    "infra/blocks/function.py",
    (
        (
            "log.log_group_arn)])",
            'Stack.of(self).format_arn(service="logs", resource="log-group", '
            "resource_name=log.log_group_name, arn_format=ArnFormat.COLON_RESOURCE_NAME))])",
        ),
        (
            "from aws_cdk import Acknowledgment, Duration,",
            "from aws_cdk import Acknowledgment, ArnFormat, Duration, Stack,",
        ),
    ),
    "signals",
    "and have no log: their roles may not write to it",
)
SWEEP = Fault(
    "a prefix match in the sweep",
    "lambdas/ports/models.py",
    (("if released_version(name, endpoint_name)]", "if name.startswith(endpoint_name)]"),),
    "destroy",
    "the sweep took review-stars-prod-eu--1-abcdef-1 of another stage",
)
FAULTS = (
    BUCKETS, DOCKER, USER_AGENT, COMMIT, SHARE, APPROVAL, METRIC, MISSING, LOG, SWEEP,
)  # fmt: skip


def tree_with(to: Path, *faults: Fault) -> Path:
    """A copy of this folder in which these faults are back."""
    tree = trees.copy(to)
    for fault in faults:
        fault.put_back(tree)
    return tree
