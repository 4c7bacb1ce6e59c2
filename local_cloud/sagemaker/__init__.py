"""SageMaker on this machine: registry, pipelines, jobs and endpoints that really run.

`register()` puts it into the emulator's own tables; nothing else of this package is for outside.
"""

from local_cloud.sagemaker.service import register

__all__ = ["register"]
