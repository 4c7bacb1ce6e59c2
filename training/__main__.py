"""`python -m training COMMAND`: train, evaluate, audit, predict, serve, track.

Exit 0: the output is written, whatever it says. 2: bad arguments, or input that cannot be read.
1: anything else. `train` and `serve` without flags follow SageMaker's contract.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reviews.errors import ReviewStarsError
from training import provenance, sagemaker
from training.config import OVERRIDES
from training.errors import ArtefactError, ConfigurationError, DatasetError, UnreadableSourceError

UNREADABLE = (ConfigurationError, DatasetError, ArtefactError, UnreadableSourceError)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    logging.basicConfig(format="%(message)s")
    options = _parser().parse_args(argv)
    try:
        # Batches are small: more threads of BLAS cost more than they bring, and where sums are
        # split among threads their last bits depend on the machine.
        with threadpool_limits(limits=1):
            options.run(options)
    except ReviewStarsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        is_job = options.run is train and options.data is None  # SageMaker knows one way to fail
        return 2 if isinstance(error, UNREADABLE) and not is_job else 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{options.command}: {place}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def train(options: argparse.Namespace) -> None:
    """Make a model, from flags or as a SageMaker training job."""
    if options.data is None and options.out is None:
        with sagemaker.recording_failure("failure"):
            overrides, deployed = sagemaker.read_hyperparameters()
            found = provenance.read_provenance(deployed, options.config)
            if provenance.is_changed(deployed, found):
                print("the program was changed after its deploy:", found["git_commit"], flush=True)
            _train(options, sagemaker.data(), sagemaker.model(), overrides, found)
        return
    if options.data is None or options.out is None:
        raise ConfigurationError("train needs --data and --out, or neither")
    overrides = {name: value for name in OVERRIDES if (value := getattr(options, name)) is not None}
    _train(options, options.data, options.out, overrides, {})


def _train(
    options: argparse.Namespace,
    data: Path,
    out: Path,
    overrides: dict[str, str],
    origin: dict[str, str],
) -> None:
    from training import config
    from training.train import train as fit_model

    settings = config.load(options.config).with_overrides(overrides)
    fit_model(data, out, settings, provenance=origin, compare_balance=options.compare_balance)


def evaluate(options: argparse.Namespace) -> None:
    """Judge a model on the hold-out."""
    from training.evaluate import evaluate as judge

    is_job = "ML_ROOT" in os.environ
    with sagemaker.recording_failure("message") if is_job else nullcontext():
        judge(
            options.model,
            options.data,
            options.out,
            options.champion,
            options.all_rows,
            settings=options.config,
            curve=options.curve,
            log=lambda line: print(line, flush=True),
        )


def audit(options: argparse.Namespace) -> None:
    """List what may be wrong in curated or raw data, and drop nothing."""
    from training import config
    from training.audit.audit import MAX_ROWS
    from training.audit.audit import audit as look

    if (options.data is None) == (not options.raw):
        raise ConfigurationError("audit needs either --data or --raw")
    look(
        options.out,
        config.load(options.config),
        data=options.data,
        raw=options.raw,
        max_rows=options.max_rows or MAX_ROWS,
    )


def predict(options: argparse.Namespace) -> None:
    """Answer for every row of a file, or of every file of a folder."""
    from training.serving import signed
    from training.serving.predict import predict as answer

    if options.source.is_dir():
        from training.serving.batch import predict_folder

        if options.observations or options.resume:
            raise ConfigurationError("a folder goes on by itself, and leaves no observations")
        is_job = "ML_ROOT" in os.environ
        recorded = sagemaker.recording_failure("message") if is_job else nullcontext()
        with recorded, signed.opened(options.model) as model:
            predict_folder(model, options.source, options.out)
        return
    with signed.opened(options.model) as model:
        answer(model, options.source, options.out, options.observations, resume=options.resume)


def serve(options: argparse.Namespace) -> None:
    """Serve a model over HTTP."""
    from training.serving.serve import serve as listen

    host, port = sagemaker.serving_address()
    listen(
        options.model or sagemaker.model(),
        port if options.port is None else options.port,
        options.host or host,
    )


def track(options: argparse.Namespace) -> None:
    """Send a finished run to MLflow."""
    from training.tracking.track import track as send

    send(
        options.run_folder,
        options.evaluation,
        dataset=options.dataset,
        out=options.out,
        log=lambda line: print(line, flush=True),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def command(run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        purpose = (run.__doc__ or "").split("\n")[0]
        added = commands.add_parser(run.__name__, help=purpose, description=purpose)
        added.set_defaults(run=run)
        return added

    one = command(train)
    one.add_argument("--data", type=Path, help="folder of curated Parquet, of any depth")
    one.add_argument("--out", type=Path, help="folder of the model")
    one.add_argument("--config", type=Path, help="another configs/model.yaml")
    one.add_argument("--compare-balance", action="store_true", help="try every way of balancing")
    for name in OVERRIDES:
        one.add_argument(f"--{name}", help=f"instead of the configuration's {name}")

    one = command(evaluate)
    one.add_argument("--model", type=Path, required=True, help="folder, or one with model.tar.gz")
    one.add_argument("--data", type=Path, required=True, help="folder of curated Parquet")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--champion", type=Path, help="the model in service, if there is one")
    one.add_argument("--all-rows", action="store_true", help="every bucket, not the hold-out alone")
    one.add_argument("--config", type=Path, help="another configs/model.yaml, for its gate")
    one.add_argument("--curve", type=Path, help="a learning_curve.json to show in the report")

    one = command(audit)
    one.add_argument("--data", type=Path, help="folder of curated Parquet, of any depth")
    one.add_argument("--raw", type=Path, nargs="+", default=[], help="or raw files, as they are")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--config", type=Path, help="another configs/model.yaml")
    one.add_argument(
        "--max-rows", type=int, help="rows that copies and crowds are looked for among"
    )

    one = command(predict)
    one.add_argument("--model", type=Path, required=True, help="folder, or one with model.tar.gz")
    one.add_argument("--in", dest="source", type=Path, required=True, metavar="FILE")
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="or folders, both")
    one.add_argument("--observations", type=Path, metavar="FILE", help="what monitoring would keep")
    one.add_argument("--resume", action="store_true", help="go on after the rows already written")

    one = command(serve)
    one.add_argument("--model", type=Path, help="folder, or one with model.tar.gz")
    one.add_argument("--port", type=int, help="0: any free port")
    one.add_argument("--host", help="address to listen on")

    one = command(track)
    one.add_argument(
        "--run", dest="run_folder", type=Path, required=True, help="the model's folder"
    )
    one.add_argument("--evaluation", type=Path, required=True, help="what evaluate left")
    one.add_argument("--dataset", type=Path, help="dataset.json or counts.json")
    one.add_argument("--out", type=Path, help="folder of tracking.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
