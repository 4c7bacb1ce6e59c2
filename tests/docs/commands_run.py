"""Every command that the documents offer, and what has run it: a test, or nobody here.

    .venv/bin/python -m tests.docs.commands_run

writes what no test runs, with its reason, into docs/commands.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "README.es.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md")
PAGE = ROOT / "docs/commands.md"
BEGIN, END = "<!-- not run: begin -->", "<!-- not run: end -->"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|git|cdk|curl|python3?|\.venv/bin/[\w-]+|sudo) [^`]+)`")
PROGRAM = re.compile(r"(?:\.venv/bin/)?python3? -m ([\w.]+)(?: ([a-z][\w-]*))?")
SCRIPT = re.compile(r"\.venv/bin/python ([\w./]+\.py)(?: ([a-z]+))?")
STARTS = re.compile(r"(?:[A-Z_]+=\S+ )*(make|git|cdk|curl|ln|cd|set|\.venv/bin/\S+|python3?)\b")
ACCOUNT, MACHINE, PERSON = "needs an account", "needs a machine", "is a person's"

ACCOUNT_TEST = "tests/delivery/test_delivery_account.py"
PREPARED = f"{ACCOUNT_TEST}::test_an_account_is_said_to_be_unprepared_and_prepared_from_a_clone"
PROMOTE = "tests/e2e/test_e2e_loop_promote.py"
LOOKED = f"{PROMOTE}::test_a_look_at_the_stage_and_its_smoke_test_tell_how_it_stands"
OPERATE, LOOP = "tests/e2e/test_e2e_operate.py", "tests/e2e/test_e2e_loop.py"
BARE = "tests/newcomer/test_bare_root.py"
REVIEWS = "tests/unit/reviews/test_reviews_command.py"
TRAINING = "tests/unit/training"
MAKE = "tests/unit/operate/test_operate_make.py"
REPRODUCED = f"{LOOP}::test_a_request_id_leads_to_its_rows_and_to_the_same_answer"

# By command: the test that runs it. What a make target runs is held where its program is run; that
# the target hands its words on is held by tests/unit/operate/test_operate_make.py.
RUN_BY = {
    "git clone": f"{BARE}::test_both_commands_of_the_readme_end_with_a_released_model",
    "make run": f"{BARE}::test_both_commands_of_the_readme_end_with_a_released_model",
    "make setup": PREPARED,
    "make doctor": "tests/newcomer/test_newcomer.py::test_a_newcomer_releases_a_model",
    "make help": f"{MAKE}::test_the_list_of_commands_fits_a_narrow_terminal",
    "make ask": f"{LOOP}::test_a_person_asks_in_one_command",
    "make status": f"{OPERATE}::test_status_tells_what_is_live_and_where",
    "make drift": f"{OPERATE}::test_drift_is_judged_on_request",
    "make learn": f"{OPERATE}::test_learning_on_request_says_its_steps_and_why_there_is_no_model",
    "make rollback": f"{OPERATE}::test_a_rollback_brings_the_version_before_back",
    "make release": f"{OPERATE}::test_a_release_goes_forward_again",
    "make sleep": f"{OPERATE}::test_a_stage_sleeps_and_wakes_with_the_same_version",
    "make wake": f"{OPERATE}::test_a_stage_sleeps_and_wakes_with_the_same_version",
    "make remove": f"{OPERATE}::test_a_raw_file_is_taken_back_with_all_that_was_made_of_it",
    "make destroy": f"{OPERATE}::test_destroy_empties_what_must_be_empty_and_leaves_no_stack",
    "make refine": "tests/unit/operate/test_operate_upload.py"
                   "::test_every_raw_file_becomes_a_new_version_of_itself",
    "make lineage": f"{LOOP}::test_a_version_leads_back_to_its_rows",
    "make predict": f"{LOOP}::test_a_file_is_answered_by_a_batch_job_once",
    "make reproduce": REPRODUCED,
    "git worktree": REPRODUCED,
    "make promote": "tests/e2e/test_e2e_loop_promote.py"
                    "::test_a_package_goes_to_the_other_account_and_waits_there",
    "make deploy": LOOKED,
    "make smoke": LOOKED,
    "make package": PREPARED,
    "make watch": LOOKED,
    "make bump": "tests/delivery/test_delivery_release.py::test_a_tag_becomes_a_release",
    "make tag": "tests/delivery/test_delivery_release.py::test_a_tag_becomes_a_release",
    "make sbom": "tests/delivery/test_delivery_release.py::test_a_tag_becomes_a_release",
    "make site": "tests/delivery/test_delivery_release.py"
        "::test_ci_builds_the_site_whose_links_lead_somewhere_and_judges_licences",
    "make difference": "tests/delivery/test_delivery_run.py"
        "::test_what_a_deploy_would_change_is_said_in_the_summary_of_a_fork_s_run",
    "make cost": "tests/unit/operate/test_operate_cost.py"
        "::test_what_changes_is_a_table_of_the_parts_that_change",
    "make synth": "tests/infra/test_infra_synth.py"
        "::test_the_app_s_command_runs_in_a_folder_of_any_name",
    "make templates": "tests/infra/test_infra_synth.py"
        "::test_cdk_nag_and_cloudformation_find_nothing",
    "make diagrams": "tests/infra/test_infra_journey.py"
        "::test_the_picture_is_drawn_from_todays_templates",
    "make notebooks": "tests/notebooks/test_notebooks.py"
        "::test_it_runs_and_its_page_is_made_again_without_a_difference",
    "make licences": "tests/unit/test_ci_licences.py"
        "::test_every_shipped_and_locked_package_may_be_used",
    "rehearsal": "tests/faults/test_faults_rehearsed.py"
    "::test_without_a_fault_a_stage_comes_to_a_package_that_waits",
    "make newcomer": "tests/newcomer/test_newcomer.py::test_a_newcomer_releases_a_model",
    "make bare": f"{BARE}::test_who_reads_spanish_alone_gets_from_clone_to_an_answer",
    "curl": f"{LOOP}::test_a_person_asks_in_one_command",
    "operate run": f"{LOOP}::test_the_summary_adds_up",
    "operate upload": f"{LOOP}::test_a_second_file_makes_version_2_while_the_api_keeps_answering",
    "operate cdk": PREPARED,
    "make bootstrap": PREPARED,
    "operate": f"{OPERATE}::test_status_tells_what_is_live_and_where",
    "operate outages": f"{OPERATE}::test_who_tampers_is_told_of_at_once",
    "reviews convert": "tests/unit/reviews/test_reviews_tables.py",
    "reviews refine": f"{REVIEWS}::test_refine_leaves_rows_rejected_lines_and_counts",
    "training train": REPRODUCED,
    "training predict": REPRODUCED,
    "training.curve": f"{TRAINING}/test_evaluation_command.py"
        "::test_the_learning_curve_stands_in_the_report",
    "training evaluate": f"{TRAINING}/test_evaluation_command.py"
        "::test_it_leaves_every_promised_figure",
    "training serve": f"{TRAINING}/test_training_serve.py"
        "::test_an_address_that_is_taken_is_one_sentence",
    "training audit": f"{TRAINING}/test_training_audit.py"
        "::test_what_was_planted_is_found_and_nothing_else",
    "training track": f"{TRAINING}/test_evaluation_tracking.py",
    "dvc": f"{TRAINING}/test_evaluation_dvc.py::test_a_second_repro_changes_nothing",
    "tests.delivery.workflows": "tests/delivery/test_delivery_run.py",
    ".ci/leaks.py accept": "tests/unit/test_ci_leaks.py"
        "::test_what_a_person_accepted_may_move_and_not_multiply_or_go",
}  # fmt: skip
# What no test runs, and why; docs/commands.md shows it.
NOT_RUN = {
    "make diff": (ACCOUNT, "the CDK compares with what is deployed"),
    "cdk diff": (ACCOUNT, "`make diff` calls it"),
    "cdk deploy": (ACCOUNT, "`make deploy` calls it"),
    "cdk gc": (ACCOUNT, "it would clean a real bootstrap"),
    "cdk import": (ACCOUNT, "`make deploy` calls it where a stage kept something"),
    "make check": (MACHINE, "CI runs it: it is what tests are judged by"),
    "make test": (MACHINE, "CI runs it: it is the tests"),
    "pytest": (MACHINE, "the same"),
    "mypy": (MACHINE, "`make check`"),
    "ruff": (MACHINE, "`make check`"),
    "make rehearse": (MACHINE, "CI plays its first scenes"),
    "make faults": (MACHINE, "20 minutes; CI plays it once a week"),
    "make image": (MACHINE, "root, buildah and debootstrap; CI has them"),
    "make bench": (MACHINE, "minutes of a quiet machine"),
    "bench": (MACHINE, "minutes of a quiet machine"),
    "bench/streaming.py": (MACHINE, "minutes of a quiet machine"),
    "bench/short_reviews.py": (MACHINE, "minutes of a quiet machine"),
    "make lock": (MACHINE, "the index of packages: it changes the locks"),
    "make delivery": (PERSON, "it asks at a terminal before it makes roles"),
    "git checkout": (PERSON, "it changes the checkout"),
}
SHELL = {"set", "cd", "ln", ".", "source"}  # of the shell itself


def pages() -> list[Path]:
    """Every document that offers commands."""
    return sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})


def offered(text: str) -> Iterator[str]:
    """Every command line of a page: of its sh blocks, and what stands in a sentence as code."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            bare = re.sub(r"(?:^|\s)#.*", "", line).strip()
            yield from filter(None, (part.strip() for part in re.split(r"&&|;", bare)))
    yield from (found.strip() for found in INLINE.findall(text))


def key(command: str) -> str:
    """What a command is known by: program and sub-command, without options and values."""
    words = re.sub(r"^(?:[A-Z_]+=\S+\s+)+", "", command).split()
    if found := SCRIPT.match(command):
        return f"{found[1]} {found[2]}" if found[2] else found[1]
    if found := PROGRAM.match(command):
        if found[1] in ("operate", "training", "reviews"):
            return f"{found[1]} {found[2]}" if found[2] else found[1]
        return found[1]
    program = words[0].rpartition("/")[2] if words[0].startswith(".venv/bin/") else words[0]
    if program in ("make", "git", "cdk"):
        targets = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
        return f"{program} {targets[0]}" if targets else program
    return program


def commands() -> dict[str, set[str]]:
    """Every key, with the pages that offer it."""
    found: dict[str, set[str]] = {}
    for page in pages():
        head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        for command in offered(head + rest.partition(END)[2]):  # our own table offers nothing
            name = key(command)
            if name not in SHELL:
                found.setdefault(name, set()).add(page.relative_to(ROOT).as_posix())
    return found


def table() -> str:
    """What no test runs, as Markdown."""
    kinds = (ACCOUNT, MACHINE, PERSON)
    rows = sorted(NOT_RUN.items(), key=lambda row: (kinds.index(row[1][0]), row[0]))
    lines = [f"| `{name}` | {kind} | {why} |" for name, (kind, why) in rows]
    return "\n".join(["| command | | why |", "|---|---|---|", *lines])


def written(page: str) -> str:
    """The page with the table of today."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the table."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
