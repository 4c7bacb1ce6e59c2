"""The scenes in the order in which they are played."""

from __future__ import annotations

from rehearsal import deploying, leaving
from rehearsal.scene import Scene

NEVER_HERE = "that CloudFormation and the services take each property"

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
