"""The scenes in the order in which they are played."""

from __future__ import annotations

from rehearsal import deploying, learning, leaving, promoting, releasing, ringing, undoing
from rehearsal.scene import Scene

NEVER_HERE = "that CloudFormation and the services take each property"
MINUTES = "the minutes that CloudWatch takes, how its periods begin"

SCENES = (
    Scene(
        "bootstrap",
        "The account is prepared",
        "the CDK's bootstrap stack can be made by an administrator",
        "the account's own guard rails (SCPs)",
        play=deploying.bootstrap,
    ),
    Scene(
        "failed-deploy",
        "A first deploy fails half-way",
        "a deploy that fails leaves nothing in the way of the next",
        NEVER_HERE,
        needs=("bootstrap",),
        play=deploying.failed_deploy,
    ),
    Scene(
        "first-deploy",
        "First deploy to an account without the app",
        "a person who may assume the CDK's roles and nothing else deploys every stack",
        f"{NEVER_HERE}; quotas; the image's build by Docker",
        needs=("bootstrap",),
        play=deploying.first_deploy,
    ),
    Scene(
        "strangers",
        "A stranger, and a client that names no program",
        "who has no right gets 403; the firewall's NoUserAgent_HEADER",
        "rules that AWS does not publish (addresses, patterns)",
        needs=("first-deploy",),
        play=deploying.strangers,
    ),
    Scene(
        "same-deploy",
        "Deploy again without a change",
        "a deploy that changes nothing changes nothing",
        NEVER_HERE,
        needs=("first-deploy",),
        play=deploying.same_deploy,
    ),
    Scene(
        "data",
        "Data in, pipeline, a package that waits",
        "a raw file becomes a version that nobody has approved",
        "SageMaker's own containers and instances",
        needs=("first-deploy",),
        play=learning.data,
    ),
    Scene(
        "automation",
        "Automation tries to approve",
        "no role of the stage may approve: that is a person's right",
        "that SageMaker evaluates the condition as its reference says",
        needs=("data",),
        play=learning.automation,
    ),
    Scene(
        "first-release",
        "A person approves: the first release",
        "the approver's role suffices, and the API answers afterwards",
        "the start of a real container",
        needs=("data",),
        play=releasing.first_release,
    ),
    Scene(
        "release-under-load",
        "The second release under load",
        "a client that asks every 50 ms sees no failure while the canary shifts",
        "how AWS's load balancers drain",
        needs=("first-release",),
        play=releasing.under_load,
    ),
    Scene(
        "bad-canary",
        "A canary whose servers die",
        "a variant that dies is taken back by an alarm; what served goes on serving",
        MINUTES,
        needs=("first-release",),
        play=undoing.bad_canary,
    ),
    Scene(
        "nonsense-canary",
        "A canary that answers nonsense",
        "a variant whose answers nobody can read is taken back by an alarm",
        f"{MINUTES}; stars that are wrong and well-formed ring no guardrail: golden-mismatch",
        needs=("first-release",),
        play=undoing.nonsense_canary,
    ),
    Scene(
        "slow-canary",
        "A canary that is slow",
        "a variant that takes more than a second is taken back, and no request fails",
        MINUTES,
        needs=("first-release",),
        play=undoing.slow_canary,
    ),
    Scene(
        "golden-mismatch",
        "A golden set that differs is undone",
        "a model that answers otherwise than it was judged does not stay",
        "nothing more",
        needs=("first-release",),
        play=undoing.golden_mismatch,
    ),
    Scene(
        "rollback",
        "Rollback by command",
        "one command of the approver goes to the version before",
        "nothing more",
        needs=("release-under-load",),
        play=undoing.rollback,
    ),
    Scene(
        "two-releases",
        "Two releases at once",
        "both come to an end, each person is told which, and no request fails",
        "the order in which AWS starts them",
        needs=("release-under-load", "bad-canary"),
        play=releasing.two_at_once,
    ),
    Scene(
        "deploy-meanwhile",
        "A deploy in the middle of everything",
        "a deploy during a release disturbs neither the release nor clients",
        "CloudFormation's own locks",
        needs=("release-under-load",),
        play=releasing.deploy_meanwhile,
    ),
    Scene(
        "sleep-wake",
        "Sleep, wake",
        "the endpoint goes and comes back with the same version",
        "how long instances take",
        needs=("first-release",),
        play=releasing.sleep_and_wake,
    ),
    Scene(
        "outages",
        "The outage matrix",
        "every way to stop answering that can be caused here is heard by a subscriber",
        "rows without a cause; CloudTrail's and CloudWatch's delays",
        needs=("first-release",),
        play=ringing.matrix,
    ),
    Scene(
        "promotion",
        "A model goes to another account",
        "a promoter takes a package over, cannot approve it, and a person there releases it",
        "the other organisation's guard rails",
        needs=("first-release",),
        play=promoting.promotion,
    ),
    Scene(
        "destroy",
        "Destroy",
        "it asks for the stage's name, deletes every stack, and says what stays",
        "the 7 to 30 days of keys; dependencies that only AWS has",
        needs=("first-deploy",),
        play=leaving.destroy,
    ),
    Scene(
        "quotas",
        "Quotas, real containers, certificates, DNS",
        "nothing on this machine",
        "endpoint and job quotas, cold starts, SageMaker's containers, the API's domain name",
    ),
)

CHAPTERS = {  # of the front pages: scenes, and what only AWS can prove
    "deploys": (
        ("bootstrap", "failed-deploy", "first-deploy", "strangers", "same-deploy"),
        "properties, quotas, the image's build",
    ),
    "data and approval": (
        ("data", "automation", "first-release"),
        "SageMaker's containers and instances",
    ),
    "releases": (
        ("release-under-load", "two-releases", "deploy-meanwhile", "sleep-wake"),
        "how load balancers drain, how long instances take",
    ),
    "what is undone": (
        ("bad-canary", "nonsense-canary", "slow-canary", "golden-mismatch", "rollback"),
        "the minutes that CloudWatch takes",
    ),
    "outages": (("outages",), "delays of CloudTrail and CloudWatch"),
    "two accounts": (("promotion",), "the organisation's guard rails"),
    "the end": (("destroy", "quotas"), "keys that wait, cold starts, certificates, DNS"),
}
