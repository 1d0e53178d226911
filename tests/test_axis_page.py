"""Custom axes in the real Projector page: what a person types there gives our coordinates, and so does the ready-made view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from projector_data import garments, layer, pixels, table
from projector_page import ProjectorPage, open_projector

from fmnist_viz.analysis.axis import ARTICLE, AxisPlane, axis_plane
from fmnist_viz.core.types import Representation
from fmnist_viz.export.projector import ProjectorTensor, class_order, write_projector
from fmnist_viz.pipeline.axes import shown_labels, tensor_vectors
from fmnist_viz.pipeline.views import axis_view

pytestmark = pytest.mark.browser
FIELDS = ("xLeft", "xRight", "yDown", "yUp")
IMAGES = garments(700)
ORDER = class_order(np.arange(700), IMAGES.labels, table(IMAGES)["correct"].to_numpy())
REPRESENTATIONS = (pixels(IMAGES), layer(IMAGES, 64, "dense"), layer(IMAGES, 10, "logits", 3), layer(IMAGES, 1500, "wide", 4))


def plane(of: Representation) -> AxisPlane:
    found = axis_plane(
        tensor_vectors(of), IMAGES.labels, shown_labels(IMAGES.class_names), ARTICLE, representation=of.name, sample_ids=IMAGES.sample_ids, seed=0
    )
    assert found is not None
    return found


PLANES = [plane(of) for of in REPRESENTATIONS]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectorPage]:
    logs = tmp_path_factory.mktemp("projector_logs")
    folder = logs / "run" / "projector"
    folder.mkdir(parents=True)
    samples = [ProjectorTensor(of, [axis_view(at)]) for of, at in zip(REPRESENTATIONS, PLANES, strict=True)]
    write_projector(folder, samples=samples, images=IMAGES, metadata=table(IMAGES), rows=np.arange(700))
    with open_projector(logs) as shown:
        yield shown


def typed(page: ProjectorPage) -> np.ndarray[Any, Any]:
    """The places after the four texts were typed into the Custom tab, its buttons pressed where they are regular expressions."""
    page.ask("VZ-PROJECTOR-PROJECTIONS-PANEL", "e => e.showTab('custom')")
    frame = next(frame for frame in page.page.frames if frame.url.endswith("projector_binary.html"))
    for field, side in zip(FIELDS, [side for axis in ARTICLE for side in axis.sides], strict=True):
        button = frame.locator(f"vz-projector-input#{field} paper-button")
        if side.regex != button.evaluate("e => !!e.active"):
            button.click()
        frame.locator(f"vz-projector-input#{field} input").fill(side.text)
    page.page.wait_for_timeout(500)
    return page.coordinates(("linear-x", "linear-y"))


def test_the_pages_own_custom_search_gives_our_coordinates(page: ProjectorPage) -> None:
    for name, ours in zip(page.tensors(), PLANES, strict=True):
        page.open_tensor(name)
        theirs, mine = typed(page), ours.coords[ORDER].astype(np.float64)
        assert page.projection() == "custom"
        for axis in range(2):
            slope, offset = np.polyfit(theirs[:, axis], mine[:, axis], 1)
            assert slope > 0, name
            apart = np.abs(slope * theirs[:, axis] + offset - mine[:, axis]).max() / np.ptp(mine[:, axis])
            # a reduced tensor's random PCA depends on the order of its rows, which the writer changes
            assert apart < (5e-3 if name == "03_wide" else 1e-4), name


def test_the_view_shows_our_coordinates_even_after_something_was_typed(page: ProjectorPage) -> None:
    page.open_tensor(page.tensors()[0])
    typed(page)
    page.ask("VZ-PROJECTOR-PROJECTIONS-PANEL", "e => e.showTab('pca')")
    page.open_bookmark(0)
    assert page.bookmarks()[0].startswith("Custom axes: x Trouser → Bag (AUC ")
    assert page.projection() == "custom"
    np.testing.assert_array_equal(page.coordinates(("linear-x", "linear-y")).astype(np.float32), PLANES[0].coords[ORDER])
    assert page.colours_in_screenshot() >= 5
    assert page.errors == []
