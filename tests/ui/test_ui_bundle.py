"""The smaller chart library: of the same version as the Python package, served where Dash looks for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import plotly

from ui import bundle

if TYPE_CHECKING:
    from dash import Dash

CARTESIAN = {"scatter", "bar", "box", "heatmap", "histogram", "contour", "violin", "image", "pie"}
"""Some of the kinds of trace that it knows."""


def version(file: Path) -> str:
    found = re.search(r"plotly\.js[^v\n]*v(\d+\.\d+\.\d+)", file.read_text(encoding="utf-8")[:400])
    assert found
    return found[1]


def test_it_has_the_version_that_the_python_package_speaks_to() -> None:
    whole = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    assert version(bundle.FILE) == version(whole)
    assert bundle.FILE.stat().st_size < whole.stat().st_size / 2


def test_it_is_served_in_the_place_of_the_whole_one_and_kept_by_the_browser(app: Dash) -> None:
    client = app.server.test_client()
    found = client.get(bundle.PATH)
    assert found.status_code == 200
    assert found.data == bundle.FILE.read_bytes()
    assert found.mimetype == "text/javascript"
    assert f"max-age={bundle.KEPT_S}" in found.headers["Cache-Control"]
    again = client.get(bundle.PATH, headers={"If-None-Match": found.headers["ETag"]})
    assert again.status_code == 304
    found.close()
    again.close()
    assert bundle.PATH in client.get("/").get_data(as_text=True), "it is fetched while the page begins"


def test_charts_use_kinds_of_traces_that_it_knows() -> None:
    room = Path(bundle.__file__).parent
    texts = [file.read_text() for file in (room / "figures.py", *(room / "charts").glob("*.py"))]
    kinds = {kind for text in texts for kind in re.findall(r'"type": "([a-z]+)"', text)}
    assert kinds - {"date", "line", "rect", "category", "log", "linear", "path", "circle"} <= CARTESIAN
