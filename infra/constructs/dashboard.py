"""One page of graphs: what comes in, what goes out, how fast, and whether it drifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.stage import Stage

WIDTH = 8  # of 24 columns


class Dashboard(Construct):
    """graphs: a title, and the metrics drawn under it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        graphs: Mapping[str, Sequence[cloudwatch.IMetric]],
    ) -> None:
        super().__init__(scope, id)
        widgets = [
            cloudwatch.GraphWidget(
                title=title, left=list(metrics), width=WIDTH, period=Duration.minutes(5)
            )
            for title, metrics in graphs.items()
        ]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=stage.name(),
            widgets=[widgets[first : first + 3] for first in range(0, len(widgets), 3)],
        )
