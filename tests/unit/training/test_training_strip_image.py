"""What stays in the image, and what is taken out."""

import stat
from pathlib import Path

from training.strip_image import strip_image


def put(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("program")
    path.chmod(mode)
    return path


def test_shells_compilers_and_installers_go_and_python_stays(tmp_path: Path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    for name in ("bash", "dash", "gcc-12", "apt-get", "perl5.36.0", "pip3", "python3.13", "env"):
        put(tmp_path / "usr/bin" / name)
    (tmp_path / "usr/bin/sh").symlink_to("dash")
    (tmp_path / "usr/bin/cc").symlink_to("/nowhere")
    strip_image(tmp_path)
    assert sorted(path.name for path in (tmp_path / "usr/bin").iterdir()) == ["env", "python3.13"]


def test_libraries_keep_all_but_their_tests(tmp_path: Path):
    library = tmp_path / "opt/venv/lib/python3.13/site-packages/pandas"
    kept = [put(library / "core.py"), put(library / "testing.py"), put(library / "latests/a.py")]
    gone = [put(library / "tests/frame/test_a.py"), put(tmp_path / "usr/share/doc/a")]
    strip_image(tmp_path)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)


def test_nothing_runs_with_more_rights_than_its_caller(tmp_path: Path):
    write = put(tmp_path / "usr/bin/write", 0o2755)
    helper = put(tmp_path / "usr/sbin/helper", 0o4755)
    strip_image(tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (write, helper)} == {0o755}


def test_of_botocore_stays_what_mlflow_s_way_to_sagemaker_asks(tmp_path: Path):
    data = tmp_path / "opt/venv/lib/python3.13/site-packages/botocore/data"
    kept = [put(data / "s3/2006-03-01/service-2.json.gz"), put(data / "endpoints.json.gz")]
    gone = [put(data / "ec2/2016-11-15/service-2.json.gz")]
    strip_image(tmp_path)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
