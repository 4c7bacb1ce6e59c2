"""SageMaker's instance types that our image can run on: CPUs of x86, which it is built for.

As the API's own model lists them; tests/contract holds this list against it.
"""

from __future__ import annotations

from collections.abc import Mapping


def _types(sizes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"ml.{family}.{size}" for family in sizes for size in sizes[family].split())


HOSTING = _types(
    {
        "c4": "large xlarge 2xlarge 4xlarge 8xlarge",
        "c5": "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
        "c5d": "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
        "c6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "c6in": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "c7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
        "m5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
        "m5d": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
        "m6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "m7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "r5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
        "r5d": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
        "r6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "r7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "t2": "medium large xlarge 2xlarge",
    }
)
JOBS = _types(
    {
        "c4": "xlarge 2xlarge 4xlarge 8xlarge",
        "c5": "xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
        "c6i": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "c7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "c7i-flex": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
        "c8i": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge "
        "16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
        "c8i-flex": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
        "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
        "m5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
        "m6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "m7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "m7i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
        "m8i": "large xlarge 2xlarge 4xlarge 8xlarge "
        "12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
        "m8i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
        "r5": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
        "r5d": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
        "r6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
        "r7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "r8i": "large xlarge 2xlarge 4xlarge 8xlarge "
        "12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
        "r8i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
        "t3": "medium large xlarge 2xlarge",
    }
)
