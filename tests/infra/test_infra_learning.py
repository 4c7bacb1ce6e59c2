"""From datasets to packages: the deployed pipeline, its group, its roles."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from infra.constructs.image import FULL, content_hash
from infra.pipeline.pipeline import Resources, definition
from infra.source import ROOT
from infra.stage import Stage
from lambdas.contract import pipeline as names
from lambdas.contract.learning import WITHOUT_CHAMPION
from lambdas.settings import LearnSettings
from reviews.digest import PROGRAM

from . import sweeps
from .authorization import unfit_resources
from .policies import Statement, statements
from .synthesis import Json, Resource, Templates, synthesise, text, with_value

SERVER = "arn:aws:sagemaker:us-east-1:111111111111:mlflow-tracking-server/shared"
DOCKERFILE = (ROOT / "training/Dockerfile").read_text()


def deployed(templates: Templates) -> Json:
    """The definition in the template, parsed; `${...}` for what is known after the deploy."""
    [made] = templates.resources("AWS::SageMaker::Pipeline")
    body: Json = json.loads(text(made.properties["PipelineDefinition"]["PipelineDefinitionBody"]))
    return body


def step(templates: Templates, name: str) -> Any:
    """The arguments of a step."""
    [found] = [step for step in deployed(templates)["Steps"] if step["Name"] == name]
    return found["Arguments"]


def sign_function(templates: Templates) -> str:
    """What the pipeline calls once the gate is passed."""
    [sign, _] = step(templates, "Gate")["IfSteps"]
    return str(sign["FunctionArn"])


def grants_of(templates: Templates, role: str) -> list[Statement]:
    """What a role of Learning may, by a part of its logical id."""
    return [
        grant
        for grant in statements(templates, "identity")
        if grant.holder.stack == "Learning" and role in grant.holder.id
    ]


def image_of(templates: Templates) -> str:
    """The image that the pipeline trains with."""
    uri: str = step(templates, "Train")["AlgorithmSpecification"]["TrainingImage"]
    return uri


def test_the_deployed_definition_is_the_pure_one(templates: Templates) -> None:
    [made] = templates.resources("AWS::SageMaker::Pipeline")
    found = deployed(templates)
    train = step(templates, "Train")
    resources = Resources(
        image_uri=image_of(templates),
        role_arn=train["RoleArn"],
        tracking_role_arn=step(templates, "Track")["RoleArn"],
        key_arn=train["ResourceConfig"]["VolumeKmsKeyId"],
        curated_bucket=templates.stage.bucket_name("curated"),
        models_bucket=templates.stage.bucket_name("models"),
        model_package_group=templates.stage.name(),
        tracking={
            name: value
            for name, value in step(templates, "Track")["Environment"].items()
            if name == "MLFLOW_TRACKING_URI"
        },
        sign_function=sign_function(templates),
    )
    assert found == definition(templates.stage, resources)
    assert made.properties["PipelineName"] == templates.stage.name()
    assert len(json.dumps(found)) < 1_048_576


def test_the_learn_machine_passes_the_parameters_that_the_pipeline_takes(
    templates: Templates,
) -> None:
    parameters = {parameter["Name"]: parameter for parameter in deployed(templates)["Parameters"]}
    own = {"TrackingUri"} if templates.stage.has_own_tracking else set()
    assert set(parameters) == {*names.SENT, *own, names.MODEL_APPROVAL_STATUS}
    optional = {name for name, body in parameters.items() if "DefaultValue" in body}
    assert optional == {"ChampionModelUri", "ModelApprovalStatus", *own}


def test_the_stage_names_who_approves(every_stage: dict[str, Templates]) -> None:
    defaults = {
        label: next(
            parameter["DefaultValue"]
            for parameter in deployed(templates)["Parameters"]
            if parameter["Name"] == "ModelApprovalStatus"
        )
        for label, templates in every_stage.items()
    }
    assert defaults == {"local": "Approved", "dev": "Approved", "prod": "PendingManualApproval"}


def test_a_start_of_the_pipeline_approves_only_where_the_gate_does(
    every_stage: dict[str, Templates],
) -> None:
    allowed = {
        label: parameter["EnumValues"]
        for label, templates in every_stage.items()
        for parameter in deployed(templates)["Parameters"]
        if parameter["Name"] == "ModelApprovalStatus"
    }
    either = ["PendingManualApproval", "Approved"]
    assert allowed == {"local": either, "dev": either, "prod": ["PendingManualApproval"]}


def test_the_approvers_are_those_that_the_stage_names(prod: Templates, tmp_path: Path) -> None:
    lead = "arn:aws:iam::222222222222:role/lead"
    assert not [r for r in prod.resources("AWS::IAM::Role") if r.id.startswith("Approver")]
    made = synthesise("prod", tmp_path, with_value("prod", "learning.approver_principals", [lead]))
    [role] = [r for r in made.resources("AWS::IAM::Role") if r.id.startswith("Approver")]
    trust = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trust] == [{"AWS": lead}]
    assert sweeps.open_resources(made) == unfit_resources(made) == []
    [approves] = [
        g for g in grants_of(made, "Approver") if "sagemaker:UpdateModelPackage" in g.actions
    ]
    assert approves.conditions == {}
    assert approves.resources == [
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/review-stars-prod/*"
    ]


def test_the_promoters_of_a_stage_may_approve_nothing(
    every_stage: dict[str, Templates], tmp_path: Path
) -> None:
    """Not even in a stage where the gate approves."""
    ci = "arn:aws:iam::111111111111:role/ci"
    assert not [
        r for r in every_stage["dev"].resources("AWS::IAM::Role") if r.id.startswith("Promoter")
    ]
    made = synthesise("dev", tmp_path, with_value("dev", "learning.promoter_principals", [ci]))
    [role] = [r for r in made.resources("AWS::IAM::Role") if r.id.startswith("Promoter")]
    trust = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trust] == [{"AWS": ci}]
    assert sweeps.open_resources(made) == unfit_resources(made) == []
    grants = grants_of(made, "Promoter")
    [creates] = [g for g in grants if "sagemaker:CreateModelPackage" in g.actions]
    assert creates.conditions == {"StringNotEquals": {"sagemaker:ModelApprovalStatus": "Approved"}}
    assert not [g for g in grants if "sagemaker:UpdateModelPackage" in g.actions]
    [writes] = [g for g in grants if "s3:PutObject" in g.actions]
    assert [r.split("/", 1)[1] for r in writes.resources] == ["runs/promoted/*"]


def test_no_stage_releases_what_was_not_compared_with_the_live_model(
    templates: Templates,
) -> None:
    """The deployed machine: `make learn ALONE=1` ends in a version that waits."""
    [machine] = [
        m for m in templates.resources("AWS::StepFunctions::StateMachine") if m.stack == "Learning"
    ]
    states = json.loads(text(machine.properties["DefinitionString"]))["States"]
    [outcome] = states["CheckOutcome"]["Choices"]
    assert outcome["Next"] == "CheckChampion"
    [choice] = states["CheckChampion"]["Choices"]
    assert (choice["Variable"], choice["StringEquals"]) == ("$.reason", WITHOUT_CHAMPION)
    assert states[choice["Next"]]["Resource"].endswith(":sns:publish")
    assert states["StartPipeline"]["Parameters"]["PipelineParameters.$"] == "$.prepared.parameters"


def test_only_tracking_sees_the_network(templates: Templates) -> None:
    assert step(templates, "Train")["EnableNetworkIsolation"] is True
    assert step(templates, "Evaluate")["NetworkConfig"] == {"EnableNetworkIsolation": True}
    assert step(templates, "Track")["NetworkConfig"] == {"EnableNetworkIsolation": False}


def test_spot_training_may_wait_as_long_again_as_it_may_run(
    every_stage: dict[str, Templates],
) -> None:
    for templates in every_stage.values():
        train, wanted = step(templates, "Train"), templates.stage.learning
        longest = {"MaxRuntimeInSeconds": wanted.max_runtime_seconds}
        if wanted.spot:
            longest["MaxWaitTimeInSeconds"] = 2 * wanted.max_runtime_seconds
        assert train["StoppingCondition"] == longest
        assert train.get("EnableManagedSpotTraining", False) is wanted.spot
        assert train["ResourceConfig"]["InstanceType"] == wanted.instance_type


def test_finished_steps_are_reused_where_the_stage_wants_it(
    every_stage: dict[str, Templates],
) -> None:
    for templates in every_stage.values():
        cached = {step["Name"] for step in deployed(templates)["Steps"] if "CacheConfig" in step}
        # Track is never reused: refused runs must be there too.
        assert cached == ({"Train", "Evaluate"} if templates.stage.learning.step_cache else set())


def test_volumes_and_results_lie_under_our_key(templates: Templates) -> None:
    train = step(templates, "Train")
    key = train["ResourceConfig"]["VolumeKmsKeyId"]
    assert "KeysData" in key
    assert train["OutputDataConfig"]["KmsKeyId"] == key
    for name in ("Evaluate", "Track"):
        arguments = step(templates, name)
        assert arguments["ProcessingOutputConfig"]["KmsKeyId"] == key
        assert arguments["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == key


def test_a_package_s_metadata_fits_into_the_registry(templates: Templates) -> None:
    """At most 50 pointers of 256 characters, without quotes, braces or commas."""
    gate = step(templates, "Gate")
    [_, register] = gate["IfSteps"]
    metadata = register["Arguments"]["CustomerMetadataProperties"]
    assert len(metadata) <= 50
    fixed = [value for value in metadata.values() if isinstance(value, str)]
    resolved = [value.replace("${", "").replace("}", "") for value in fixed]
    assert all(len(value) <= 256 and not set(value) & set("'\"{},") for value in resolved)


def test_the_pipeline_starts_its_own_jobs_and_registers_in_one_group(templates: Templates) -> None:
    grants = grants_of(templates, "TrainingSteps")
    actions = {action for grant in grants for action in grant.actions}
    assert {a for a in actions if "ModelPackage" in a} == {
        "sagemaker:CreateModelPackage",
        "sagemaker:DescribeModelPackage",
    }
    assert "sagemaker:UpdateModelPackage" not in actions
    jobs = [r for grant in grants for r in grant.resources if "-job/" in r]
    assert jobs
    assert all(job.endswith("/pipelines-*") for job in jobs)


def test_jobs_write_nothing_but_their_runs(templates: Templates) -> None:
    writes = [
        resource
        for grant in grants_of(templates, "TrainingJobs")
        if "s3:PutObject" in grant.actions
        for resource in grant.resources
    ]
    assert writes == [f"arn:aws:s3:::{templates.stage.bucket_name('models')}/runs/*"]


def test_only_the_step_that_tracks_may_reach_mlflow_and_deletes_nothing_there(
    every_stage: dict[str, Templates],
) -> None:
    for label, templates in every_stage.items():
        grants = [
            grant
            for grant in statements(templates, "identity")
            if any("mlflow" in action.lower() for action in grant.actions)
        ]
        if label == "local":  # a server on this machine, which asks for no rights
            assert not grants
            assert not [*templates.resources("AWS::SageMaker::MlflowApp")]
            continue
        [grant] = grants
        assert grant.where.startswith("Tracking/AppSends")
        assert grant.holder.properties["Roles"] == [templates.stage.role_name("track")]
        assert not [a for a in grant.actions if "*" in a or "Delete" in a or "Register" in a]
        [app] = templates.resources("AWS::SageMaker::MlflowApp")
        assert app.properties["Name"] == templates.stage.name()
        assert app.properties["ArtifactStoreUri"].endswith("/mlflow")
        track = step(templates, "Track")
        role = track["RoleArn"]
        assert role != step(templates, "Train")["RoleArn"] == step(templates, "Evaluate")["RoleArn"]
        assert "TrainingSender" in role
        assert track["Environment"]["MLFLOW_TRACKING_URI"] == {"Get": "Parameters.TrackingUri"}


def waiting_for_mlflow(templates: Templates) -> list[str]:
    """Stacks and steps that go on only once there is an MLflow app, or once it has answered."""
    made = {r.stack for r in templates.resources("AWS::SageMaker::MlflowApp")}
    found = [stack for stack in made if stack != "Tracking"]
    found += [
        stack
        for stack, body in templates.stacks.items()
        if stack != "Tracking" and "review-stars-prod-tracking:" in json.dumps(body)
    ]
    [gate] = [s for s in deployed(templates)["Steps"] if s["Name"] == "Gate"]
    waits = [gate, *gate["Arguments"]["IfSteps"]]
    return found + [s["Name"] for s in waits if "Track" in s.get("DependsOn", [])]


def test_an_app_that_fails_or_is_slow_holds_up_neither_stack_nor_model(prod: Templates) -> None:
    assert waiting_for_mlflow(prod) == []
    app = prod.having("Learning", "App", "AWS::SageMaker::MlflowApp")
    assert waiting_for_mlflow(app) == ["Learning"]

    def wait(resources: Json) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::SageMaker::Pipeline":
                definition = body["Properties"]["PipelineDefinition"]
                text = json.dumps(definition["PipelineDefinitionBody"])
                later = text.replace(
                    r"\"Name\": \"Gate\"", r"\"DependsOn\": [\"Track\"], \"Name\": \"Gate\""
                )
                definition["PipelineDefinitionBody"] = json.loads(later)

    assert waiting_for_mlflow(prod.broken("Learning", wait)) == ["Gate"]


def test_the_machine_tells_of_a_run_that_is_not_in_mlflow(prod: Templates) -> None:
    [machine] = [
        m for m in prod.resources("AWS::StepFunctions::StateMachine") if m.stack == "Learning"
    ]
    states = json.loads(text(machine.properties["DefinitionString"]))["States"]
    assert states["ConcludeRun"]["Next"] == "CheckTracked"
    [quiet] = states["CheckTracked"]["Choices"]
    assert (quiet["StringEquals"], quiet["Next"]) == ("", "CheckOutcome")
    told = states[states["CheckTracked"]["Default"]]
    assert told["Resource"].endswith("sns:publish")
    assert {told["Next"], told["Catch"][0]["Next"]} == {"CheckOutcome"}


@pytest.mark.parametrize(
    ("uri", "variables", "grants"),
    [
        ("", set(), 0),
        ("https://mlflow.example.com", {"MLFLOW_TRACKING_URI"}, 0),
        (SERVER, {"MLFLOW_TRACKING_URI", "SAGEMAKER_PRESIGNED_URL_UPLOAD_ENABLED"}, 1),
    ],
)
def test_a_stage_may_send_its_runs_elsewhere(
    uri: str, variables: set[str], grants: int, tmp_path: Path
) -> None:
    templates = synthesise("dev", tmp_path, Stage.read("dev").tracked_at(uri))
    found = step(templates, "Track").get("Environment", {})
    assert set(found) - {"MLFLOW_EXPERIMENT_NAME", "PIPELINE_EXECUTION_ID"} == variables
    assert found.get("MLFLOW_TRACKING_URI", "") == uri
    allowed = [
        g for g in grants_of(templates, "Sender") if "sagemaker-mlflow:LogBatch" in g.actions
    ]
    assert len(allowed) == grants
    assert all(grant.resources == [uri] for grant in allowed)
    assert not [*templates.resources("AWS::SageMaker::MlflowApp")]


def test_a_grant_on_the_key_is_for_aws_s_own_volumes_alone(templates: Templates) -> None:
    [grant] = [g for g in grants_of(templates, "TrainingJobs") if "kms:CreateGrant" in g.actions]
    assert grant.actions == ["kms:CreateGrant"]
    assert grant.conditions == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_only_learning_s_functions_update_packages_and_none_approves_by_pipeline(
    templates: Templates,
) -> None:
    holders = {
        grant.where
        for grant in statements(templates, "identity")
        if "sagemaker:UpdateModelPackage" in grant.actions
    }
    assert len(holders) == 1
    assert holders.pop().startswith("Learning/LearningConclude")


def test_who_concludes_a_run_reads_its_evaluation_and_card_and_no_more(
    templates: Templates,
) -> None:
    card = "runs/*/evaluation/model_card.json"
    evaluation = "runs/*/evaluation/evaluation.json"
    tracked = "runs/*/tracking/tracking.json"
    models = f"arn:aws:s3:::{templates.stage.bucket_name('models')}"
    grants = [
        grant
        for grant in grants_of(templates, "LearningConclude")
        if any(resource.startswith(models) for resource in grant.resources)
    ]
    assert [(grant.actions, grant.resources) for grant in grants] == [
        (["s3:ListBucket"], [models]),
        (["s3:GetObject"], [f"{models}/{name}" for name in (evaluation, card, tracked)]),
    ]
    assert grants[0].conditions == {"StringLike": {"s3:prefix": [card]}}
    keys = [
        grant.actions
        for grant in grants_of(templates, "LearningConclude")
        if any("KeysData" in resource for resource in grant.resources)
    ]
    assert keys == [["kms:Decrypt"]]


def test_the_image_is_built_from_its_rooms_alone(every_stage: dict[str, Templates]) -> None:
    for label in ("dev", "prod"):
        templates = every_stage[label]
        account = templates.stage.account
        assert image_of(templates).startswith(f"{account}.dkr.ecr.us-east-1.")
    # The tag is the content's hash: the same image in both stages.
    tags = {image_of(every_stage[label]).rpartition(":")[2] for label in ("dev", "prod")}
    assert len(tags) == 1
    assert len(tags.pop()) == 64


def refused_images(assembly: Path) -> list[str]:
    """Images of an assembly that are not asked for in Docker's own form."""
    manifests = [json.loads(path.read_text()) for path in assembly.glob("*.assets.json")]
    images = [image for manifest in manifests for image in manifest["dockerImages"].items()]
    assert len(images) == 1
    return [name for name, body in images if body["source"].get("dockerOutputs") != ["type=docker"]]


@pytest.mark.parametrize("label", ["dev", "prod"])
def test_the_image_has_the_form_that_sagemaker_takes(label: str, tmp_path: Path) -> None:
    """A store of containerd makes OCI manifests by itself, and CreateModel refuses those."""
    synthesise(label, tmp_path)
    assert refused_images(tmp_path) == []
    [path] = [p for p in tmp_path.glob("*.assets.json") if "type=docker" in p.read_text()]
    path.write_text(path.read_text().replace("type=docker", "type=oci"))
    assert len(refused_images(tmp_path)) == 1


def test_the_image_that_is_built_without_docker_has_it_too() -> None:
    spoken = (ROOT / ".ci" / "image.py").read_text()
    assert '["build", "-q", "--format", "docker", ' in spoken


def test_an_image_without_a_tag_is_named_by_its_content(every_stage: dict[str, Templates]) -> None:
    local = every_stage["local"]
    named = local.stage.learning.image_uri
    assert named.endswith(f"{local.stage.account}.dkr.ecr.us-east-1.amazonaws.com/review-stars")
    assert image_of(local) == f"{named}:{content_hash(local.stage.data.detector)}"
    assert len(image_of(local)) <= 255  # what a package's container and its metadata take


@pytest.mark.parametrize("tag", [":1", "@sha256:" + "0" * 64])
def test_an_image_that_is_named_in_full_is_obeyed(tag: str, tmp_path: Path) -> None:
    named = "000000000000.dkr.ecr.us-east-1.amazonaws.com/review-stars" + tag
    stage = with_value("local", "learning.image_uri", named)
    assert image_of(synthesise("local", tmp_path, stage)) == named


@pytest.mark.parametrize("registry", ["registry.example.com:5000", "127.0.0.1:5000/team"])
def test_the_port_of_a_registry_is_no_tag(registry: str) -> None:
    assert not FULL.search(f"{registry}/review-stars")
    assert FULL.search(f"{registry}/review-stars:1")


def test_the_content_s_hash_changes_with_each_room_and_with_nothing_else(tmp_path: Path) -> None:
    for room in (*PROGRAM, "operate"):
        place = tmp_path / room
        place.parent.mkdir(parents=True, exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__")
        if (ROOT / room).is_dir():
            shutil.copytree(ROOT / room, place, ignore=ignored)
        else:
            shutil.copy(ROOT / room, place)
    before = content_hash("words", tmp_path)
    assert before == content_hash("words")  # wherever the repository lies
    (tmp_path / "operate" / "run.py").write_text("")
    (tmp_path / "training" / "__pycache__").mkdir()
    (tmp_path / "training" / "__pycache__" / "gate.pyc").write_text("")
    assert content_hash("other", tmp_path) != before
    assert content_hash("words", tmp_path) == before
    found = {before}
    for path in (
        "training/evaluation/gate.py",
        "reviews/clean.py",
        "monitoring/page.py",
        PROGRAM[-1],
    ):
        with (tmp_path / path).open("a") as file:
            file.write("# changed\n")
        found.add(content_hash("words", tmp_path))
    assert len(found) == 5


def test_both_ways_of_building_the_image_copy_the_same_rooms() -> None:
    """CDK's asset excludes by PROGRAM, a build by hand by the Dockerfile's own ignore file."""
    lines = (ROOT / "training/Dockerfile.dockerignore").read_text().splitlines()
    assert [line for line in lines if line.startswith("!")] == [f"!{room}" for room in PROGRAM]
    copied = re.findall(r"^COPY (\S+) /opt/program", DOCKERFILE, re.MULTILINE)
    assert sorted(copied) == sorted(PROGRAM)


def test_learn_s_functions_know_the_image_and_the_pipeline(templates: Templates) -> None:
    [prepare] = [f for f in learn_functions(templates) if "Prepare" in f.id]
    variables = prepare.properties["Environment"]["Variables"]
    settings = LearnSettings.from_env({name: text(value) for name, value in variables.items()})
    assert settings.image_uri == image_of(templates)
    assert settings.pipeline_name == settings.model_package_group == templates.stage.name()


def learn_functions(templates: Templates) -> list[Resource]:
    """The functions of the Learn machine."""
    return [f for f in templates.resources("AWS::Lambda::Function") if f.stack == "Learning"]


def test_a_dataset_waits_for_others_as_long_as_the_stage_says(templates: Templates) -> None:
    [machine] = [
        m for m in templates.resources("AWS::StepFunctions::StateMachine") if m.stack == "Learning"
    ]
    states = json.loads(text(machine.properties["DefinitionString"]))["States"]
    assert states["WaitForFiles"]["Seconds"] == 60 * templates.stage.learning.settle_minutes
    assert states["StartPipeline"]["Parameters"]["ClientRequestToken.$"] == "$.prepared.token"


def test_learning_is_scheduled_where_the_stage_says_so(every_stage: dict[str, Templates]) -> None:
    for templates in every_stage.values():
        schedules = [
            rule.properties["ScheduleExpression"]
            for rule in templates.resources("AWS::Events::Rule")
            if rule.stack == "Learning" and "ScheduleExpression" in rule.properties
        ]
        wanted = templates.stage.learning.schedule
        assert schedules == ([wanted] if wanted else [])
