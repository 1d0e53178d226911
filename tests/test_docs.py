"""The documentation says what the program does: generated parts are up to date, links lead somewhere."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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


def shown_commands(page: Path) -> list[str]:
    """The command lines in the page's console blocks, without the prompt."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ fmnist-viz ")]


def check_command(line: str) -> None:
    """Raises where the command or an option does not exist, or a value would be refused: all that happens before the command begins."""
    import dataclasses

    import typer

    from fmnist_viz.cli import app
    from fmnist_viz.data.config import DataConfig
    from fmnist_viz.features.config import FeatureConfig
    from fmnist_viz.models.zoo import preset
    from fmnist_viz.pipeline.config import BroughtConfig, ModelFileConfig, ViewConfig
    from fmnist_viz.pipeline.reproduce import ReproduceConfig, check_names
    from fmnist_viz.projection.config import MapConfig
    from fmnist_viz.training.config import ComputeConfig, FitConfig, TransferConfig

    _, name, *words = shlex.split(line.replace("<8 digits>", "12345678"), comments=True)
    command = typer.main.get_command(app).commands[name]
    values = command.make_context(name, words).params
    for config in (BroughtConfig, ComputeConfig, DataConfig, FeatureConfig, FitConfig, MapConfig, ModelFileConfig, ReproduceConfig, TransferConfig, ViewConfig):
        fields = {f.name for f in dataclasses.fields(config)}
        if fields <= set(values):
            config(**{field: values[field] for field in fields})
    if name == "reproduce":
        check_names(values["names"] or [])
    if "model" in values and isinstance(values["model"], str):
        preset(values["model"])


PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md") if "$ fmnist-viz " in p.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shown_is_one(page):
    lines = shown_commands(ROOT / page)
    assert len(lines) >= (10 if page == "README.md" else 1)
    for line in lines:
        try:
            check_command(line)
        except Exception as e:
            raise AssertionError(f"{page}: {line}: {e}") from e


@pytest.mark.parametrize("wrong", ["fmnist-viz tarin", "fmnist-viz train --epocs 3", "fmnist-viz train --model cnn9", "fmnist-viz reproduce cnn9"])
def test_a_command_that_is_none_would_be_seen(wrong):
    with pytest.raises(Exception, match=r"tarin|epocs|cnn9"):
        check_command(wrong)


def test_every_article_has_its_part_and_every_system_its_name():
    from fmnist_viz.models.articles import articles

    page = (ROOT / "docs" / "articles.md").read_text(encoding="utf-8")
    for one in articles():
        part = page.split(f"<!-- {one.key}: made by")[1].split(f"<!-- end of {one.key} -->")[0]
        assert all(f"| {system} |" in part for system in one.systems), one.key


def test_the_articles_pictures_are_those_that_the_script_makes():
    """A picture that nothing shows, or that nobody could make again, would go stale unseen."""
    page = (ROOT / "docs" / "articles.md").read_text(encoding="utf-8")
    named = set(re.findall(r"images/(article-[^)]+\.png)", page))
    made = runpy.run_path(str(ROOT / "scripts" / "pictures"))["targets"]()
    there = {path.name for path in (ROOT / "docs" / "images").glob("article-*.png")}
    assert named == set(made) == there
    sizes = {name: (ROOT / "docs" / "images" / name).stat().st_size for name in named}
    assert max(sizes.values()) <= 200_000 and sum(sizes.values()) <= 1_500_000, sizes
