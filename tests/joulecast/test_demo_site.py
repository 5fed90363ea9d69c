"""The demo plant's description is a copy in the data folder, where mappings stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.points import PointRef
from core.site import load_site
from core.site_edit import NewMapping, write_mapping
from joulecast.verbs.common import DEMO_SITE, demo_site

if TYPE_CHECKING:
    from pathlib import Path

ORIGINAL = DEMO_SITE.read_text(encoding="utf-8")
LOAD = NewMapping("hall/new/load", "bare", PointRef("ups", "power"), "kW")


def test_without_a_data_folder_it_is_the_original(tmp_path: Path) -> None:
    assert demo_site(tmp_path / "none") == DEMO_SITE
    assert not (tmp_path / "none").exists()


def test_what_was_mapped_stays_when_the_original_changes(tmp_path: Path) -> None:
    own = demo_site(tmp_path)
    assert own.read_text(encoding="utf-8") == ORIGINAL
    write_mapping(own, LOAD)
    assert load_site(demo_site(tmp_path)).topics[0].topic == "hall/new/load"
    assert DEMO_SITE.read_text(encoding="utf-8") == ORIGINAL
    own.write_text("# of an earlier release\n" + own.read_text(encoding="utf-8"), encoding="utf-8")
    text = demo_site(tmp_path).read_text(encoding="utf-8")
    assert text.startswith(ORIGINAL)
    assert load_site(own).topics[0].topic == "hall/new/load"
