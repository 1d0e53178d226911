"""The documentation says what the program does: generated parts are up to date, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_generated_parts_are_up_to_date():
    done = subprocess.run([sys.executable, "scripts/document", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"run scripts/document\n{done.stdout}{done.stderr}"


def test_relative_links_and_pictures_exist():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_exit_code_of_the_errors_is_in_the_readme():
    from fmnist_viz.core import errors

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    codes = {value.exit_code for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.VizError)}
    assert codes == {1, 2, 3, 4, 5, 6, 7, 8}
    for code in codes:
        assert f"| {code} | " in readme


def test_version_is_one():
    import tomllib

    import fmnist_viz
    from fmnist_viz.pipeline.config import VERSION

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == fmnist_viz.__version__ == VERSION
