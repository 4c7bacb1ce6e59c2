"""Training and processing jobs: the operations, and the records that they describe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.jobs.job_process import JobProcess
from local_cloud.sagemaker.jobs.job_spec import JobSpec, JobSpecError, processing, training
from local_cloud.sagemaker.runtime import emulator, roles, tags
from local_cloud.sagemaker.runtime.errors import ServiceError, invalid
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, newest_first, now, page, pick

JOB_PROCESSES: dict[str, JobProcess] = {}
DEFAULT_SECONDS = 86_400  # of a training job that names no bound
_ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class JobKind:
    """What differs in the names of the two kinds of job."""

    title: str
    table: str
    to_spec: Callable[[dict[str, Any], str], JobSpec]
    missing: str

    @property
    def name(self) -> str:
        """The field of the job's name."""
        return f"{self.title}JobName"

    @property
    def arn(self) -> str:
        """The field of the job's ARN."""
        return f"{self.title}JobArn"

    @property
    def status(self) -> str:
        """The field of the job's status."""
        return f"{self.title}JobStatus"


TRAINING = JobKind("Training", "training-job", training, "Requested resource not found.")
PROCESSING = JobKind("Processing", "processing-job", processing, "Could not find requested job.")


def create(kind: JobKind, request: JsonObject) -> JobProcess:
    """Check a request, start the job and return the running one."""
    name = request[kind.name]
    arn = STORE.arn(kind.table, name)
    table = STORE.table(kind.table)
    if name in table:
        raise ServiceError("ResourceInUse", f"Job name must be unique within an AWS account: {arn}")
    roles.check_trust(request["RoleArn"])
    try:
        spec = kind.to_spec(request, arn)
    except JobSpecError as error:
        raise invalid(str(error)) from None
    body = {key: value for key, value in request.items() if key != "Tags"}
    record = {**body, kind.arn: arn, kind.status: "InProgress", "CreationTime": now()}
    table[name] = record
    tags.put(arn, request.get("Tags", []))
    if kind is TRAINING:
        record["ModelArtifacts"] = {"S3ModelArtifacts": spec.uploads[0].uri}
        record["SecondaryStatusTransitions"] = []
        record.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_SECONDS})
    process = JOB_PROCESSES[arn] = JobProcess(
        name, spec, lambda phase, reason: _advance(kind, record, phase, reason)
    )
    process.start()
    return process


def _advance(kind: JobKind, record: JsonObject, phase: str, reason: str) -> None:
    """Write a job's new phase into its record; put an event when its status changes."""
    before = record[kind.status]
    at = record["LastModifiedTime"] = now()
    if phase == "Running":
        record[f"{kind.title}StartTime" if kind is TRAINING else "ProcessingStartTime"] = at
    if phase in _ENDED:
        record[kind.status] = phase
        record["TrainingEndTime" if kind is TRAINING else "ProcessingEndTime"] = at
        if reason:
            record["FailureReason"] = reason
        if kind is TRAINING:
            record["BillableTimeInSeconds"] = record["TrainingTimeInSeconds"] = max(
                1, round(at - record.get("TrainingStartTime", at))
            )
    if kind is TRAINING:
        _advance_secondary(record, phase, reason)
    if record[kind.status] != before or phase == "Downloading":
        emulator.put_event(
            f"SageMaker {kind.title} Job State Change",
            record[kind.arn],
            pick(record, kind.name, kind.arn, kind.status, "SecondaryStatus", "FailureReason"),
        )


def _advance_secondary(record: JsonObject, phase: str, reason: str) -> None:
    status = {"Running": "Training"}.get(phase, phase)
    if reason.startswith("MaxRuntimeExceeded"):
        status = "MaxRuntimeExceeded"
    record["SecondaryStatus"] = status
    transitions = record["SecondaryStatusTransitions"]
    if transitions:
        transitions[-1]["EndTime"] = now()
    transitions.append({"Status": status, "StartTime": now(), "StatusMessage": reason})


def one(kind: JobKind, name: str) -> JsonObject:
    """A job by name; refuses one that nobody has."""
    found = STORE.table(kind.table).get(name)
    if found is None:
        raise invalid(kind.missing)
    return found


def stop(kind: JobKind, name: str) -> None:
    """Ask a job to stop; one that has ended is refused for training and ignored for processing."""
    record = one(kind, name)
    if record[kind.status] in _ENDED:
        if kind is TRAINING:
            raise invalid(f"The request was rejected because the job is {record[kind.status]}.")
        return
    record[kind.status] = "Stopping"
    JOB_PROCESSES[record[kind.arn]].stop()


def stop_everything() -> None:
    """End every process of every job and wait for it: the emulator is being reset or ends."""
    running = [process for process in JOB_PROCESSES.values() if not process.done.is_set()]
    for process in running:
        process.stop()
    for process in running:
        process.done.wait(12)
    JOB_PROCESSES.clear()


def _listing(kind: JobKind, request: JsonObject) -> JsonObject:
    wanted, status = request.get("NameContains", ""), request.get("StatusEquals")
    fields = (kind.name, kind.arn, kind.status, "CreationTime", "LastModifiedTime", "FailureReason")
    found = [
        pick(record, *fields)
        for record in newest_first(
            list(STORE.table(kind.table).values()), request, time_field="CreationTime"
        )
        if wanted in record[kind.name] and status in (None, record[kind.status])
    ]
    return page(found, request, key=f"{kind.title}JobSummaries")


def _operations(kind: JobKind) -> dict[str, Callable[[JsonObject], JsonObject]]:
    def create_job(request: JsonObject) -> JsonObject:
        create(kind, request)
        return {kind.arn: STORE.arn(kind.table, request[kind.name])}

    def stop_job(request: JsonObject) -> JsonObject:
        stop(kind, request[kind.name])
        return {}

    return {
        f"Create{kind.title}Job": create_job,
        f"Describe{kind.title}Job": lambda request: one(kind, request[kind.name]),
        f"Stop{kind.title}Job": stop_job,
        f"List{kind.title}Jobs": lambda request: _listing(kind, request),
    }


OPERATIONS = {**_operations(TRAINING), **_operations(PROCESSING)}
