"""Pipelines and their executions: the operations."""

import json
import secrets
import string
import time
from typing import Any

from local_cloud.sagemaker.pipelines import definitions
from local_cloud.sagemaker.pipelines.executions import ENDED, RunningExecution, notify_status
from local_cloud.sagemaker.runtime import emulator, roles, tags
from local_cloud.sagemaker.runtime.errors import conflict, invalid, not_found
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, newest_first, now, page, pick

EXECUTIONS: dict[str, RunningExecution] = {}

_ALPHABET = string.ascii_lowercase + string.digits
_DESCRIBED = (
    "PipelineArn", "PipelineName", "PipelineDisplayName", "PipelineDefinition",
    "PipelineDescription", "RoleArn", "PipelineStatus", "CreationTime", "LastModifiedTime",
    "LastRunTime", "ParallelismConfiguration",
)  # fmt: skip


def create_pipeline(request: JsonObject) -> JsonObject:
    """CreatePipeline: the definition must be one that this machine can run."""
    name = request["PipelineName"]
    table = STORE.table("pipeline")
    if name in table:
        token = request.get("ClientRequestToken")
        if token and table[name].get("_token") == token:
            return {"PipelineArn": table[name]["PipelineArn"]}
        raise invalid(
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({name}) already exists."
        )
    record = {
        "PipelineArn": STORE.arn("pipeline", name),
        "PipelineName": name,
        "PipelineDisplayName": name,
        "PipelineStatus": "Active",
        "CreationTime": now(),
        "_token": request.get("ClientRequestToken"),
    }
    _apply(record, request)
    if "PipelineDefinition" not in record or "RoleArn" not in record:
        raise invalid("A pipeline needs a definition and a RoleArn.")
    table[name] = record
    tags.put(record["PipelineArn"], request.get("Tags", []))
    return {"PipelineArn": record["PipelineArn"]}


def _apply(record: JsonObject, request: JsonObject) -> None:
    """Check what a request changes, then change it."""
    changes = pick(
        request, "PipelineDisplayName", "PipelineDescription", "RoleArn",
        "ParallelismConfiguration", "PipelineDefinition",
    )  # fmt: skip
    location = request.get("PipelineDefinitionS3Location")
    if location:
        body = emulator.read_object(location["Bucket"], location["ObjectKey"])
        changes["PipelineDefinition"] = body.decode("utf-8")
    if "RoleArn" in changes:
        roles.check_trust(changes["RoleArn"])
    if "PipelineDefinition" in changes:
        _parsed(changes["PipelineDefinition"])
    record.update(changes, LastModifiedTime=now())


def _parsed(text: str) -> definitions.PipelineDefinition:
    try:
        return definitions.parse(text)
    except definitions.DefinitionError as error:
        raise invalid(f"Unable to parse pipeline definition. {error}") from None


def pipeline(name: str) -> JsonObject:
    """A pipeline by name or ARN; refuses one that nobody has."""
    short = name.rsplit("/", 1)[-1].lower()
    for known, record in STORE.table("pipeline").items():
        if known.lower() == short:
            return record
    raise not_found(f"Pipeline '{STORE.arn('pipeline', short)}' does not exist.")


def describe_pipeline(request: JsonObject) -> JsonObject:
    """DescribePipeline."""
    return pick(pipeline(request["PipelineName"]), *_DESCRIBED)


def update_pipeline(request: JsonObject) -> JsonObject:
    """UpdatePipeline: executions that run already keep their definition."""
    record = pipeline(request["PipelineName"])
    _apply(record, request)
    return {"PipelineArn": record["PipelineArn"]}


def delete_pipeline(request: JsonObject) -> JsonObject:
    """DeletePipeline: refused while an execution runs, as on AWS."""
    record = pipeline(request["PipelineName"])
    if any(not execution.done.is_set() for execution in _executions_of(record)):
        raise conflict(
            f"Pipeline {record['PipelineArn']} has running executions. Stop them with "
            "StopPipelineExecution first."
        )
    del STORE.table("pipeline")[record["PipelineName"]]
    tags.drop(record["PipelineArn"])
    return {"PipelineArn": record["PipelineArn"]}


def list_pipelines(request: JsonObject) -> JsonObject:
    """ListPipelines."""
    records = newest_first(
        list(STORE.table("pipeline").values()), request, time_field="CreationTime"
    )
    fields = ("PipelineArn", "PipelineName", "PipelineDisplayName", "PipelineDescription")
    times = ("RoleArn", "CreationTime", "LastModifiedTime", "LastExecutionTime")
    summaries = [pick(record, *fields, *times) for record in records]
    return page(summaries, request, key="PipelineSummaries")


def start_execution(request: JsonObject) -> JsonObject:
    """StartPipelineExecution: the same ClientRequestToken again answers the same execution."""
    record = pipeline(request["PipelineName"])
    token = request.get("ClientRequestToken") or secrets.token_hex(16)
    tokens = STORE.table("pipeline-token")
    with STORE.lock:
        known = tokens.get(f"{record['PipelineArn']}|{token}")
        if known:
            return dict(known)
        definition = _parsed(record["PipelineDefinition"])
        try:
            given = request.get("PipelineParameters") or []
            parameters = definitions.parameter_values(definition, given)
        except definitions.DefinitionError as error:
            raise invalid(str(error)) from None
        identifier = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        arn = f"{record['PipelineArn']}/execution/{identifier}"
        tokens[f"{record['PipelineArn']}|{token}"] = {"PipelineExecutionArn": arn}
    display = request.get("PipelineExecutionDisplayName") or f"execution-{int(time.time() * 1000)}"
    described = {
        "PipelineArn": record["PipelineArn"],
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": display,
        "PipelineExecutionStatus": "Executing",
        **pick(request, "PipelineExecutionDescription", "ParallelismConfiguration"),
        "CreationTime": now(),
        "LastModifiedTime": now(),
    }
    record["LastExecutionTime"] = record["LastRunTime"] = now()
    execution = RunningExecution(
        described, definition=definition, parameters=parameters, role_arn=record["RoleArn"]
    )
    EXECUTIONS[arn] = execution
    notify_status(described, "")
    execution.start()
    return {"PipelineExecutionArn": arn}


def execution(arn: str) -> RunningExecution:
    """An execution by ARN; refuses one that nobody has."""
    if arn not in EXECUTIONS:
        raise not_found(f"Pipeline execution '{arn}' does not exist.")
    return EXECUTIONS[arn]


def _executions_of(record: JsonObject) -> list[RunningExecution]:
    mine = f"{record['PipelineArn']}/execution/"
    return [found for arn, found in EXECUTIONS.items() if arn.startswith(mine)]


def stop_execution(request: JsonObject) -> JsonObject:
    """StopPipelineExecution."""
    found = execution(request["PipelineExecutionArn"])
    if found.record["PipelineExecutionStatus"] in ENDED:
        status = found.record["PipelineExecutionStatus"]
        raise conflict(f"Pipeline execution {request['PipelineExecutionArn']} is {status} already.")
    found.stop()
    return {"PipelineExecutionArn": request["PipelineExecutionArn"]}


def describe_execution(request: JsonObject) -> JsonObject:
    """DescribePipelineExecution."""
    return execution(request["PipelineExecutionArn"]).record


def describe_definition(request: JsonObject) -> JsonObject:
    """DescribePipelineDefinitionForExecution: the definition that this execution runs."""
    found = execution(request["PipelineExecutionArn"])
    text = json.dumps(found.definition)
    return {"PipelineDefinition": text, "CreationTime": found.record["CreationTime"]}


def list_executions(request: JsonObject) -> JsonObject:
    """ListPipelineExecutions."""
    found = [item.record for item in _executions_of(pipeline(request["PipelineName"]))]
    summaries = [
        {
            **pick(
                record, "PipelineExecutionArn", "PipelineExecutionStatus",
                "PipelineExecutionDescription", "PipelineExecutionDisplayName",
            ),
            "StartTime": record["CreationTime"],
            **({"PipelineExecutionFailureReason": record["FailureReason"]}
               if "FailureReason" in record else {}),
        }
        for record in newest_first(found, request, time_field="CreationTime")
    ]  # fmt: skip
    return page(summaries, request, key="PipelineExecutionSummaries")


def list_steps(request: JsonObject) -> JsonObject:
    """ListPipelineExecutionSteps."""
    found = execution(request["PipelineExecutionArn"]).steps
    ordered = newest_first(found, request, time_field="StartTime")
    return page(ordered, request, key="PipelineExecutionSteps")


def list_parameters(request: JsonObject) -> JsonObject:
    """ListPipelineParametersForExecution."""
    values: dict[str, Any] = execution(request["PipelineExecutionArn"]).parameters
    listed = [{"Name": name, "Value": str(value)} for name, value in values.items()]
    return page(listed, request, key="PipelineParameters")


def stop_everything() -> None:
    """Stop every execution: the emulator is being reset or ends."""
    for found in EXECUTIONS.values():
        found.stop()
    EXECUTIONS.clear()


OPERATIONS = {
    "CreatePipeline": create_pipeline,
    "DescribePipeline": describe_pipeline,
    "UpdatePipeline": update_pipeline,
    "DeletePipeline": delete_pipeline,
    "ListPipelines": list_pipelines,
    "StartPipelineExecution": start_execution,
    "StopPipelineExecution": stop_execution,
    "DescribePipelineExecution": describe_execution,
    "DescribePipelineDefinitionForExecution": describe_definition,
    "ListPipelineExecutions": list_executions,
    "ListPipelineExecutionSteps": list_steps,
    "ListPipelineParametersForExecution": list_parameters,
}
