"""The HPARAMS tab as TensorBoard's own backend answers for it: two trainings in one log folder are two rows of one table."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest
from projector_page import tensorboard
from test_training import Trained, train

from fmnist_viz.core.errors import Diverged
from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.models.recipe import PLAIN
from fmnist_viz.training.hparams import final_metrics, hyperparameters, session_start

STATUS = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


@dataclass(frozen=True)
class Tab:
    """Two trainings, a third one that diverged, and what the plugin's routes say of them."""

    trained: dict[str, Trained]
    experiment: dict[str, Any]
    groups: list[dict[str, Any]]


def ask(address: str, route: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(f"{address}/data/plugin/hparams/{route}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def session_groups(address: str, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = [{"metric": m["name"]} for m in metrics]
    body = {"experimentName": "", "allowedStatuses": STATUS, "colParams": columns, "startIndex": 0, "sliceSize": 100}
    return list(ask(address, "session_groups", body).get("sessionGroups", []))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Tab:
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()
    logs, data = tmp_path_factory.mktemp("hparams") / "projector_logs", load(DataConfig(data="sample"))
    trained = {}
    for name, size in (("one", 64), ("two", 32)):
        made = train(logs / name, data, model="dense128", epochs=2, batch_size=size)
        trained[name] = made
    with pytest.raises(Diverged):
        train(logs / "lost", data, model="dense128", epochs=1, optimizer="sgd", learning_rate=1e30)
    with tensorboard(logs) as address:
        end = time.monotonic() + 60
        while True:  # event files are read in the background
            experiment = ask(address, "experiment", {"experimentName": "", "includeMetrics": True})
            groups = session_groups(address, experiment.get("metricInfos", []))
            if (len(groups) == 3 and all(g["sessions"][0]["status"] != "STATUS_RUNNING" for g in groups)) or time.monotonic() > end:
                break
            time.sleep(0.3)
    return Tab(trained, experiment, groups)


def test_every_training_is_a_row(tab: Tab) -> None:
    assert {g["sessions"][0]["name"]: g["sessions"][0]["status"] for g in tab.groups} == {
        "one/boards/train": "STATUS_SUCCESS",
        "two/boards/train": "STATUS_SUCCESS",
        "lost/boards/train": "STATUS_FAILURE",
    }
    assert all(len(g["sessions"]) == 1 for g in tab.groups)


def test_a_row_holds_what_was_asked_for(tab: Tab) -> None:
    columns = {info["name"] for info in tab.experiment["hparamInfos"]}
    assert set(hyperparameters(PLAIN)) | {"model", "recipe"} | {"seed", "precision", "train_images"} <= columns
    rows = {g["sessions"][0]["name"].split("/")[0]: g["hparams"] for g in tab.groups}
    assert rows["one"]["batch_size"] == 64
    assert rows["two"]["batch_size"] == 32
    assert rows["lost"]["learning_rate"] == 1e30
    for row in rows.values():
        assert (row["model"], row["recipe"], row["seed"], row["precision"]) == ("dense128", "plain", 0, "float32")
        assert (row["train_images"], row["validation"]) == (800, 200)


def test_a_row_holds_the_last_epochs_metrics(tab: Tab) -> None:
    """Against the history that the training itself returned; nothing of a loss that is not finite."""
    rows = {g["sessions"][0]["name"].split("/")[0]: g.get("metricValues", []) for g in tab.groups}
    for name, trained in tab.trained.items():
        found = {m["name"]["tag"]: m["value"] for m in rows[name] if m["name"]["tag"].startswith("end/")}
        history = trained.record["history"]
        assert found == pytest.approx({f"end/{k}": history[k][-1] for k in ("accuracy", "loss", "val_accuracy", "val_loss")}, abs=1e-6)
    assert "end/loss" not in {m["name"]["tag"] for m in rows["lost"]}


def test_only_finite_metrics_are_final() -> None:
    assert final_metrics({"loss": float("nan"), "accuracy": 0.5, "seconds": 3.0}) == {"accuracy": 0.5}


def test_values_that_have_no_type_are_left_out_and_infinite_ones_become_text() -> None:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

    assert hyperparameters(a=1, b=None, c=[1]) == {"a": 1}  # type: ignore[arg-type]
    summary = Summary.FromString(session_start({"rate": float("inf"), "on": True, "name": "x"}))
    told = parse_session_start_info_plugin_data(summary.value[0].metadata.plugin_data.content).hparams
    assert (told["rate"].string_value, told["on"].bool_value, told["name"].string_value) == ("inf", True, "x")
