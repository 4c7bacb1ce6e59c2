"""`python -m operate COMMAND`: what a person does at the shell; the Makefile calls each one.

Exit 0: it is done. 2: bad arguments, or input that cannot be used. 1: anything else. 130, 143, 129:
stopped by INT, TERM, HUP.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from pathlib import Path

from rich.console import Console

from infra.stage import CONFIGS
from lambdas.contract.keys import INCOMING, PREDICT, PREDICTIONS, REVIEWS
from lambdas.contract.names import DELIVERY_STACK
from lambdas.ports.failures import AWS_ERRORS, is_unreachable
from operate import batch, cdk, checks, deployment, half_made, last_stack, ready, releases, signals
from operate.adopt import adopt
from operate.deployment import Deployment
from operate.errors import InputError, OperateError, describe
from operate.place import HOME, LOCAL, Place
from operate.scaling import suspended
from reviews.errors import ReviewStarsError

Command = Callable[[argparse.Namespace], int | None]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not know ✓
    asked = _parser().parse_args(arguments)
    signals.install()
    try:
        status: int | None = asked.run(asked)
    except signals.Stopped as stop:
        print(f"{asked.command}: stopped by {stop.name}: {asked.when_stopped}", file=sys.stderr)
        return stop.exit_status
    except (ReviewStarsError, *AWS_ERRORS, HTTPException, OSError) as error:
        print(f"{asked.command}: {_sentence(error, asked)}", file=sys.stderr)
        return error.exit_status if isinstance(error, OperateError) else 1
    return status or 0


def _sentence(error: BaseException, asked: argparse.Namespace) -> str:
    """What went wrong; where the local cloud did not answer, the place of its log too."""
    if asked.stage == LOCAL and is_unreachable(error):
        return (
            f"the local cloud does not answer, it was stopped or has died (its log: "
            f"{asked.home / 'cloud.log'}): start it with `make run`"
        )
    return describe(error)


def run(asked: argparse.Namespace) -> None:
    """Run the whole loop on this machine, then serve."""
    from operate.local import LocalCloud
    from operate.run import run as run_loop

    if asked.stage != LOCAL:
        raise InputError("only the local stage runs on this machine; `make deploy` deploys another")
    cloud = LocalCloud(asked.home, asked.port, asked.tracking_port)
    run_loop(asked.data, once=asked.once, place=Place(LOCAL, asked.home), cloud=cloud)


def status(asked: argparse.Namespace) -> None:
    """Show what runs, what is live and the last alerts."""
    from operate.status import show

    show(_deployed(asked), asked.home, Console(highlight=False))


def upload(asked: argparse.Namespace) -> None:
    """Put files of reviews into the stage's raw bucket; preprocessing starts by itself."""
    from operate.source import check
    from operate.upload import upload as put

    for file in asked.files:
        check(str(file))
    deployed = _deployed(asked)
    for file in asked.files:
        print(put(deployed, file, print))


def remove(asked: argparse.Namespace) -> None:
    """Delete a raw file and all that was made of it, and say which models learned from it."""
    from operate.remove import describe as describe_removal
    from operate.remove import remove as take_back

    given = _confirmation(asked)
    gone = take_back(_deployed(asked), asked.name, confirmed=given.confirmed, ask=given.ask)
    print(describe_removal(gone))


def refine(asked: argparse.Namespace) -> None:
    """Refine every raw file again, after a change of text rules or detector."""
    from operate.upload import refine_again

    print(f"{refine_again(_deployed(asked))} files are refined again")


def learn(asked: argparse.Namespace) -> None:
    """Train on the newest dataset now, and follow the run."""
    from operate.loop import learn_now

    learn_now(_deployed(asked), without_champion=asked.alone)


def release(asked: argparse.Namespace) -> None:
    """Approve a package and follow its release."""
    deployed = _deployed(asked)
    releases.release(deployed, asked.version, force=asked.force, given=_confirmation(asked))


def rollback(asked: argparse.Namespace) -> None:
    """Release an older package."""
    deployed = _deployed(asked)
    releases.rollback(deployed, asked.version, force=asked.force, given=_confirmation(asked))


def sleep(asked: argparse.Namespace) -> None:
    """Take the endpoint down; the package is remembered."""
    releases.sleep(_deployed(asked), given=_confirmation(asked))


def wake(asked: argparse.Namespace) -> None:
    """Bring the endpoint back with the package that slept."""
    releases.wake(_deployed(asked), given=_confirmation(asked))


def drift(asked: argparse.Namespace) -> None:
    """Run one drift check now and print its verdict."""
    releases.check_drift(_deployed(asked))


def outages(asked: argparse.Namespace) -> int:
    """Cause every outage in a local cloud that serves, and tell how it rang (some minutes)."""
    from operate import outages as matrix

    rows = [row for row in matrix.MATRIX if not asked.only or asked.only in row.fault]
    if not rows:
        raise InputError(f"no outage has {asked.only!r} in its name: docs/production.md lists them")
    results = []
    deployed, pace = _deployed(asked), asked.minute_seconds
    for result in matrix.outages(deployed, minute_seconds=pace, rows=rows):
        results.append(result)
        print(matrix.told(result), flush=True)
    results.sort(key=lambda result: rows.index(result.row))
    (asked.home / "outages.md").write_text(f"{matrix.describe(results)}\n")
    return int(not all(result.passed for result in results))


def lineage(asked: argparse.Namespace) -> None:
    """Print everything between a version and the rows that it learned from."""
    from operate.lineage import lineage as trace

    print(json.dumps(trace(_deployed(asked), asked.version), indent=2))


def promote(asked: argparse.Namespace) -> None:
    """Take a package with its evidence into another stage's account; a person approves it there."""
    from operate.promote import describe_promotion
    from operate.promote import promote as take_over

    files = asked.stage_files
    source = Place(asked.stage, asked.home, profile=asked.from_profile, stage_files=files)
    target = Place(asked.to, asked.home, profile=asked.to_profile, stage_files=files)
    print(describe_promotion(take_over(source, target, asked.package), source, target))


def predict(asked: argparse.Namespace) -> None:
    """Answer one file, or every file under a prefix, by a batch job."""
    deployed = _deployed(asked)
    source = batch.upload(deployed, asked.file) if asked.file else asked.source
    print(batch.predict(deployed, source, asked.out, asked.version))


def destroy(asked: argparse.Namespace) -> None:
    """Empty what must be empty, then delete every stack."""
    from operate.destroy import destroy as delete

    place = Place(asked.stage, asked.home, stage_files=asked.stage_files)
    place.enter()
    given = _confirmation(asked)
    delete(place, confirmed=given.confirmed, ask=given.ask)


def _confirmation(asked: argparse.Namespace) -> releases.Confirmation:
    return releases.Confirmation(asked.confirm, _typed if sys.stdin.isatty() else None)


def _typed(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return ""


def ask(asked: argparse.Namespace) -> None:
    """Ask the API for the stars of one review, and renew client.env."""
    from operate.client import ask as post

    review: dict[str, object] = {"text": asked.text, "explain": asked.explain}
    if asked.title:
        review["title"] = asked.title
    if asked.verified:
        review["verified_purchase"] = asked.verified == "yes"
    print(json.dumps(post(_deployed(asked), review), indent=2, ensure_ascii=False))


def cost(asked: argparse.Namespace) -> None:
    """Price a month of the stage by its templates: idle, under load, asleep; or what changes."""
    from tempfile import TemporaryDirectory

    from operate import cost as pricing
    from operate.assembly import assembly_of, synthesise

    place = Place(asked.stage, asked.home, stage_files=asked.stage_files)
    region = place.settings.region
    usage = pricing.Usage(
        requests_per_day=asked.requests_per_day, reviews_per_month=asked.reviews_per_month
    )
    with TemporaryDirectory() as folder:
        made = asked.templates or synthesise(place, Path(folder))
        now = pricing.estimate(pricing.read_templates(made), usage, region)
    if not asked.against:
        print(pricing.describe(now, usage))
        return
    with assembly_of(place, asked.against) as other:
        before = pricing.estimate(pricing.read_templates(other), usage, region)
    print(pricing.compare(before, now))


def difference(asked: argparse.Namespace) -> None:
    """Print what a deploy would change: resources, rights, cost, as Markdown; asks no account."""
    from operate import cost as pricing
    from operate.difference import difference as compare

    usage = pricing.Usage(
        requests_per_day=asked.requests_per_day, reviews_per_month=asked.reviews_per_month
    )
    text = compare(Place(asked.stage, asked.home), asked.against, usage)
    if asked.file:
        asked.file.write_text(text, encoding="utf-8")
    else:
        print(text)


def comment(asked: argparse.Namespace) -> None:
    """Leave a file as the one comment of the pull request that a workflow runs for."""
    from operate import github

    print(github.comment(github.Workflow.read(), asked.file.read_text(encoding="utf-8")))


def smoke(asked: argparse.Namespace) -> None:
    """Ask a stage's API as a client does, with the caller's own rights, and judge its answers."""
    from operate.smoke import smoke as try_it

    place = Place(asked.stage, asked.home)
    place.enter()
    print(try_it(deployment.read_file(place, asked.outputs or deployment.outputs_file(place))))


def redeploy(asked: argparse.Namespace) -> int:
    """Deploy the commit that served before this run of a workflow."""
    from operate import github
    from operate.redeploy import redeploy as go_back

    place = Place(asked.stage, asked.home)
    commit = github.former_commit(github.Workflow.read(), place.settings.delivery.environment)
    return go_back(place, commit)


def watch(asked: argparse.Namespace) -> None:
    """Look once at a stage: drift, alarms, queues, cost, packages; says what needs a person."""
    from datetime import UTC, datetime

    from operate.watch import look, render, to_json

    now = datetime.now(UTC)
    findings = look(_deployed(asked), now, audit=asked.audit)
    print(render(asked.stage, findings, now))
    if asked.file:
        asked.file.write_text(to_json(asked.stage, findings, now), encoding="utf-8")


def issue(asked: argparse.Namespace) -> None:
    """Open, renew or close the one issue of a stage by what `watch` has found."""
    from operate import github

    look = json.loads(asked.file.read_bytes())
    run = github.Workflow.read()
    print(github.issue(run, look["stage"], look["text"], well=look["well"]))


def tag(asked: argparse.Namespace) -> None:
    """Hold a tag against version, changelog and main, and print its part of the changelog."""
    from operate.tags import notes

    print(notes(asked.name))


def reproduce(asked: argparse.Namespace) -> None:
    """Fetch what the answer to a request was made of: model, rows, lineage."""
    from operate.reproduce import reproduce as fetch

    print(json.dumps(fetch(_deployed(asked), asked.request, asked.day, asked.out), indent=2))


def bump(asked: argparse.Namespace) -> None:
    """Make the next version: number, changelog from the commits, commit and tag."""
    from operate.bump import bump as make_version
    from operate.bump import prepare

    if asked.preview:
        made = prepare(asked.version)
        print(f"{made.part.rstrip()}\n\n{made.tag} would be made; nothing was changed")
        return
    name = make_version(asked.version)
    print(f"{name} is made here; publish it: git push --atomic origin main {name}")


def run_cdk(asked: argparse.Namespace) -> int:
    """Run the CDK CLI with the stage in the environment."""
    place = Place(asked.stage, asked.home, stage_files=asked.stage_files)
    if asked.argv[:1] in (["synth"], ["ls"]):  # ask no account
        variables = place.offline()
    else:
        place.enter()
        variables = place.environment()
    argv = [*asked.argv]
    if argv[:1] == ["bootstrap"] and not any(word.startswith("aws://") for word in argv):
        argv.append(f"aws://{place.settings.account}/{place.settings.region}")
    if asked.stage_files != CONFIGS:
        argv += ["--context", f"stage_files={asked.stage_files.absolute()}"]
    if argv[:1] != ["deploy"]:
        return cdk.run(variables, asked.stage, *argv)
    checks.check(place)
    checks.looked_at("the CDK's bootstrap", lambda: ready.check_bootstrap(place), None)
    checks.looked_at("deploys that are going on", lambda: ready.check_alone(place), None)
    if DELIVERY_STACK.title() not in argv:  # which makes the role of who deploys
        checks.check_deployer(place)
    checks.check_quotas(place)
    checks.looked_at("stacks that were never made", lambda: half_made.release(place), None)
    run = partial(cdk.run, variables, asked.stage)
    adopt(place, run)
    with suspended(place):
        status = last_stack.deploy(place, run, argv)
    if status == 0:
        _sweep_versions(place)
    return status


def _sweep_versions(place: Place) -> None:
    """Whoever may deploy may not always delete: a deploy is done whether this is or not."""
    from operate.versions import sweep

    try:
        if swept := sweep(deployment.read(place)):
            print(f"deleted {swept} versions of functions that nothing runs any more")
    except AWS_ERRORS as error:
        print(f"old versions of functions were left where they are: {describe(error)}")


def _deployed(asked: argparse.Namespace) -> Deployment:
    place = Place(asked.stage, asked.home, stage_files=asked.stage_files)
    place.enter()
    return deployment.read(place)


def _summary(run: Command) -> str:
    return (run.__doc__ or "").split("\n")[0]


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{number} is no port: 1 to 65535 are")
    return number


def _amount(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no amount: 0 or more are")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operate", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def command(run: Command, name: str = "") -> argparse.ArgumentParser:
        summary = _summary(run)
        added = commands.add_parser(name or run.__name__, help=summary, description=summary)
        added.add_argument("--stage", default=LOCAL, metavar="NAME")
        added.add_argument("--home", type=Path, default=HOME, help="folder of the local cloud")
        added.add_argument(
            "--stage-files", type=Path, default=CONFIGS, metavar="DIR", help="default: configs"
        )
        added.set_defaults(run=run, when_stopped="what it has started goes on: see `make status`")
        return added

    def confirmed(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added.add_argument("--confirm", default="", help="the stage's name once more, of a script")
        return added

    def used(added: argparse.ArgumentParser) -> None:
        added.add_argument("--requests-per-day", type=_amount, default=0, metavar="N")
        added.add_argument("--reviews-per-month", type=_amount, default=0, metavar="N")

    one = command(run)
    one.add_argument(
        "--data", help="files of reviews: JSON Lines, CSV, Parquet; default: our sample"
    )
    one.add_argument("--once", action="store_true", help="stop after the summary")
    one.add_argument("--port", type=_port, help="of the local cloud; default: 4566, or a free one")
    one.add_argument("--tracking-port", type=_port, help="of MLflow; default: 5566, or a free one")
    one.set_defaults(when_stopped="no model was released, and nothing of it is left running")
    command(status)
    command(upload).add_argument("files", type=Path, nargs="+", metavar="FILE")
    command(refine)
    removing = command(remove)
    removing.add_argument("name", help=f"below {INCOMING}, or the whole key")
    removing.add_argument("--confirm", default="", help="the file's name once more")
    one = command(learn)
    one.add_argument("--alone", action="store_true", help="without the champion: see `make help`")
    one = confirmed(command(release))
    one.add_argument("--version", default="", help="default: the newest that is pending")
    one.add_argument("--force", action="store_true", help="past an alarm that is on")
    one = confirmed(command(rollback))
    one.add_argument("--version", default="", help="default: the one that was live before")
    one.add_argument("--force", action="store_true", help="past an alarm that is on")
    confirmed(command(sleep))
    confirmed(command(wake))
    command(drift)
    one = command(outages)
    one.add_argument("--only", default="", metavar="WORDS", help="outages with these in their name")
    one.add_argument(
        "--minute-seconds",
        type=float,
        default=60,
        help="of its LOCAL_CLOUD_MINUTE_SECONDS; default: %(default)s",
    )
    one = command(lineage)
    one.add_argument("--version", default="", help="default: the live one")
    one = commands.add_parser("promote", help=_summary(promote), description=_summary(promote))
    one.add_argument("--from", dest="stage", required=True, metavar="NAME", help="stage of origin")
    one.add_argument("--to", required=True, metavar="NAME", help="stage that it goes to")
    one.add_argument("--package", default="", help="version or ARN; default: the live one")
    one.add_argument("--from-profile", default="", metavar="NAME", help="of the AWS configuration")
    one.add_argument("--to-profile", default="", metavar="NAME", help="default: the shell's own")
    one.add_argument("--home", type=Path, default=HOME, help="folder of the local cloud")
    one.add_argument("--stage-files", type=Path, default=CONFIGS, metavar="DIR")
    one.set_defaults(
        run=promote, when_stopped="no half package is left; the same command ends what it began"
    )
    one = command(predict)
    one.add_argument("--in", dest="source", default="", help=f"prefix below {PREDICT} or {REVIEWS}")
    one.add_argument("--file", type=Path, help="a file of this machine, uploaded first")
    one.add_argument("--out", default="", help=f"prefix below {PREDICTIONS}")
    one.add_argument("--version", default="", help="of the model; default: the live one")
    confirmed(command(destroy))
    one = command(ask)
    one.add_argument("--text", required=True)
    one.add_argument("--title", default="")
    one.add_argument("--verified", choices=("yes", "no"), help="default: not said")
    one.add_argument("--explain", action="store_true", help="the words that decided, too")
    one = command(difference)
    one.add_argument("--against", default="main", help="a commit, or a folder of templates")
    one.add_argument("--file", type=Path, help="where it is written; default: the terminal")
    used(one)
    one.set_defaults(when_stopped="nothing was changed")
    command(smoke).add_argument("--outputs", type=Path, help="as `cdk deploy` wrote them")
    command(redeploy)
    one = command(watch)
    one.add_argument("--audit", action="store_true", help="known vulnerabilities, too")
    one.add_argument("--file", type=Path, help="JSON for `operate issue`")
    command(issue).add_argument("--file", type=Path, required=True, help="of `operate watch`")
    command(tag).add_argument("name", metavar="TAG", help="v and the version, as v1.2.3")
    one = command(reproduce)
    one.add_argument("--request", required=True, metavar="ID", help="the answer's request_id")
    one.add_argument("--day", required=True, metavar="YYYY-MM-DD", help="of the request, in UTC")
    one.add_argument("--out", type=Path, required=True, help="a new folder")
    one = command(bump)
    one.add_argument("--version", default="", metavar="1.2.3", help="else as the commits ask")
    one.add_argument("--preview", action="store_true", help="say what would be written, no more")
    command(comment).add_argument("--file", type=Path, required=True, help="Markdown")
    one = command(cost)
    used(one)
    one.add_argument("--templates", type=Path, help="that `make synth` wrote; default: made now")
    one.add_argument("--against", default="", help="a commit, or a folder of templates")
    one.set_defaults(when_stopped="nothing was changed")
    one = command(run_cdk, "cdk")
    one.add_argument("argv", nargs=argparse.REMAINDER, help="arguments of the CDK CLI")
    return parser


if __name__ == "__main__":
    sys.exit(main())
