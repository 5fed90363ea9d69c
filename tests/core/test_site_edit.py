"""Mappings are written into `site.toml` as a person would, or not at all."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import joulecast
from core.errors import InputError, ServiceError
from core.points import PointRef
from core.site import load_site
from core.site_edit import NewMapping, added, write_mapping

DEMO = (Path(joulecast.__file__).parent / "demo" / "site.toml").read_text(encoding="utf-8")
UPS = PointRef("ups", "power")
BARE = NewMapping("plug/7/power", "bare", UPS, "kW")
PLUG = NewMapping("tele/+/SENSOR", "tasmota", UPS, "W", "plug7/ENERGY.Power")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "site.toml"
    found.write_text(DEMO, encoding="utf-8")
    return found


def test_a_new_topic_is_a_block_at_the_end_and_all_before_stays_to_the_letter(path: Path) -> None:
    path.chmod(0o640)
    site = write_mapping(path, BARE)
    text = path.read_text(encoding="utf-8")
    assert text == (
        DEMO + '\n[[topics]]\ntopic = "plug/7/power"\ncodec = "bare"\npoint = "ups/power"\nunit = "kW"\n'
    )
    assert load_site(path) == site
    (mapping,) = site.topics
    assert (mapping.topic, mapping.point, mapping.unit) == ("plug/7/power", UPS, "kW")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["site.toml"]


@pytest.mark.parametrize(
    "points",
    [
        'points = { "a" = "pdu/it_power:kW" }  # the main meter',
        'points = {"a"="pdu/it_power:kW"}',
        "points = {}",
        'points = { "}" = \'pdu/it_power:kW\', "a \\" b" = "ups/energy" } # } not the end',
        '[topics.points]\n"a" = "pdu/it_power"',
        "# none yet",
    ],
)
def test_a_name_goes_into_the_points_of_its_topic(path: Path, points: str) -> None:
    head = '[[topics]]  # plugs\ntopic = "tele/+/SENSOR"\ncodec = "tasmota"'
    after = '\n\n[[topics]]\ntopic = "x"\npoint = "ups/energy"\n'
    path.write_text(f"{DEMO}\n{head}\n{points}{after}", encoding="utf-8")
    before = tomllib.loads(path.read_text(encoding="utf-8"))
    write_mapping(path, PLUG)
    text = path.read_text(encoding="utf-8")
    now = tomllib.loads(text)
    assert now["topics"][0]["points"].pop("plug7/ENERGY.Power") == "ups/power:W"
    before["topics"][0].setdefault("points", {})
    assert now == before
    assert text.startswith(f"{DEMO}\n[[topics]]  # plugs\n")
    assert text.endswith(after)
    assert points.count("#") == text[len(DEMO) + len(head) :].count("#")


def test_what_is_mapped_already_stays_as_it_is(path: Path) -> None:
    write_mapping(path, PLUG)
    write_mapping(path, BARE)
    text = path.read_text(encoding="utf-8")
    for again in (PLUG, BARE, NewMapping("tele/+/SENSOR", "telegraf", UPS, None, "other")):
        with pytest.raises(InputError, match="mapped already"):
            write_mapping(path, again)
    assert path.read_text(encoding="utf-8") == text


def test_a_mapping_that_cannot_be_leaves_the_file_alone(path: Path) -> None:
    for wrong, said in (
        (NewMapping("a/+/b", "bare", UPS), "wildcards"),
        (NewMapping("a/b", "bare", PointRef("moon", "power")), "moon"),
        (NewMapping("a/b", "bare", UPS, "degC"), "unit"),
        (NewMapping("", "bare", UPS), "topic"),
    ):
        with pytest.raises(InputError, match=said) as error:
            write_mapping(path, wrong)
        assert "nothing was written" in str(error.value)
        assert ".new" not in str(error.value)
    assert path.read_text(encoding="utf-8") == DEMO
    assert [entry.name for entry in path.parent.iterdir()] == ["site.toml"]


def test_topics_in_a_form_that_is_not_changed_from_here_are_said(path: Path) -> None:
    path.write_text(
        'topics = [ { topic = "tele/+/SENSOR", codec = "tasmota", points = {} } ]\n' + DEMO, encoding="utf-8"
    )
    with pytest.raises(InputError, match="by hand"):
        write_mapping(path, PLUG)


def test_a_file_that_is_wrong_already_or_not_there_is_said(path: Path) -> None:
    path.write_text(DEMO + "\n[nonsense]\n", encoding="utf-8")
    with pytest.raises(InputError, match="unknown key"):
        write_mapping(path, BARE)
    path.unlink()
    with pytest.raises(InputError, match="no readable file"):
        write_mapping(path, BARE)


def test_a_link_is_followed_and_a_folder_that_takes_nothing_is_said(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    write_mapping(link, BARE)
    assert link.is_symlink()
    assert "plug/7" in path.read_text(encoding="utf-8")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as mounted:
        mounted.setattr("core.site_edit.Path.replace", refuse)
        with pytest.raises(ServiceError, match="cannot be written: Permission denied"):
            write_mapping(path, PLUG)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link.toml", "site.toml"]
    monkeypatch.setattr("core.site_edit.tempfile.mkstemp", refuse)  # root may write anywhere
    with pytest.raises(ServiceError, match="cannot be written: Permission denied"):
        write_mapping(path, PLUG)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(topic=TEXTS, names=st.lists(TEXTS, min_size=1, max_size=4, unique=True), junk=TEXTS)
def test_whatever_devices_call_things_the_file_says_just_that(
    topic: str, names: list[str], junk: str
) -> None:
    text = "# " + "".join(sign for sign in junk if sign.isprintable()) + "\n[site]\nid = 'x'\n"
    for name in names:
        text = added(text, NewMapping(topic, "tasmota", UPS, "kW", name))
    found = tomllib.loads(text)
    assert found["site"] == {"id": "x"}
    (entry,) = found["topics"]
    assert entry == {"topic": topic, "codec": "tasmota", "points": dict.fromkeys(names, "ups/power:kW")}
