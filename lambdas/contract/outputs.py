"""The outputs of a stage's stacks: infra writes them, `operate` finds everything by them."""

from __future__ import annotations

# foundation
RAW_BUCKET = "RawBucket"
CURATED_BUCKET = "CuratedBucket"
MODELS_BUCKET = "ModelsBucket"
OBSERVATIONS_BUCKET = "ObservationsBucket"
ALERT_TOPIC_ARN = "AlertTopicArn"
INBOX_URL = "InboxUrl"
# preprocessing
PREPROCESS_MACHINE_ARN = "PreprocessMachineArn"
# learning
APPROVER_ROLE_ARN = "ApproverRoleArn"  # where the stage names who approves
PROMOTER_ROLE_ARN = "PromoterRoleArn"  # where the stage names who promotes
BATCH_ROLE_ARN = "BatchRoleArn"
IMAGE_URI = "ImageUri"
JOB_INSTANCE_TYPE = "JobInstanceType"
LEARN_MACHINE_ARN = "LearnMachineArn"
PIPELINE_NAME = "PipelineName"
MODEL_PACKAGE_GROUP = "ModelPackageGroup"
SIGN_FUNCTION = "SignFunction"
# endpoint
ENDPOINT_NAME = "EndpointName"
LIVE_PARAMETER = "LiveParameter"
# serving
API_ID = "ApiId"
API_STAGE = "ApiStage"
API_URL = "ApiUrl"
CLIENT_ROLE_ARN = "ClientRoleArn"
PROBE_ROLE_ARN = "ProbeRoleArn"
RELEASE_MACHINE_ARN = "ReleaseMachineArn"
ENDPOINT_ROLE_ARN = "EndpointRoleArn"
# delivery
DEPLOYER_ROLE_ARN = "DeployerRoleArn"  # where the stage names who deploys by hand
DEPLOY_ROLE_ARN = "DeployRoleArn"
SMOKE_ROLE_ARN = "SmokeRoleArn"
WATCH_ROLE_ARN = "WatchRoleArn"
# operations
MONITOR_FUNCTION = "MonitorFunction"

MACHINES = (PREPROCESS_MACHINE_ARN, LEARN_MACHINE_ARN, RELEASE_MACHINE_ARN)
