"""MLflow apps: records here, one MLflow server of this machine behind all of them.

Difference that stays: what a job sends goes to that server unsigned, so the rights of its role on
an app are not asked for.
"""

import os
import uuid

from local_cloud.sagemaker.runtime import roles, tags
from local_cloud.sagemaker.runtime.errors import not_found
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, now

TABLE = "mlflow-app"


def create_app(request: JsonObject) -> JsonObject:
    """CreateMlflowApp: its role must trust SageMaker."""
    roles.check_trust(request["RoleArn"])
    name = request["Name"]
    arn = STORE.arn(TABLE, f"app-{uuid.uuid4().hex[:12].upper()}")
    STORE.table(TABLE)[name] = {**request, "Arn": arn, "Status": "Created", "CreationTime": now()}
    tags.put(arn, request.get("Tags", []))
    return {"Arn": arn}


def update_app(request: JsonObject) -> JsonObject:
    """UpdateMlflowApp, by name as templates know it."""
    record = STORE.table(TABLE)[request["Name"]]
    record.update(request)
    return {"Arn": record["Arn"]}


def delete_app(request: JsonObject) -> JsonObject:
    """DeleteMlflowApp, by name as templates know it."""
    record = STORE.table(TABLE).pop(request["Name"])
    tags.drop(record["Arn"])
    return {"Arn": record["Arn"]}


def describe_app(request: JsonObject) -> JsonObject:
    """DescribeMlflowApp."""
    arn = request["Arn"]
    for record in STORE.table(TABLE).values():
        if record["Arn"] == arn:
            return record
    raise not_found(f"MlflowApp {arn} does not exist.")


def address(uri: str) -> str:
    """Where a tracking address leads on this machine: an app's ARN to the server here."""
    arns = {record["Arn"] for record in STORE.table(TABLE).values()}
    return os.environ.get("LOCAL_CLOUD_TRACKING", "") if uri in arns else uri


OPERATIONS = {"DescribeMlflowApp": describe_app}
