"""The header that never moves: site, mode, age of the data, alarms, zone, units, theme, who, HOLD."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dash import dcc, html

from core.actions import Authority
from core.errors import ServiceError
from ui import format as fmt
from ui import hold, view
from ui.access import auth
from ui.components.panel import labelled
from ui.components.tile import quiet
from ui.data import status
from ui.data.conduct import conduct
from ui.data.live import snapshot
from ui.export import software

if TYPE_CHECKING:
    from ui.components.panel import Child
    from ui.data import Source
    from ui.data.live import Live as Snapshot
    from ui.page import Live

_KEEP_WALL_S: Final = 5.0
_KEEP_GAP_WALL_S: Final = 20.0
LATELY: Final = timedelta(minutes=3)
"""What the meters' pace is taken from."""
SILENT_WALL_S: Final = 2.5
"""Silence so much beyond their usual gap is said [s]: readings take a second to come, the poll 1.5 s; of
meters that send every 5 s the banner says it within 10 s of the last one."""
PRIORITY_MARKS: Final = {1: "◆ P1", 2: "▲ P2", 3: "■ P3", 4: "● P4"}
"""Shape and letter of a priority; colour comes beside them, never alone."""


def header(source: Source) -> html.Header:
    """The header; what is alive in it comes with every poll."""
    site = source.context.site.site
    return html.Header(
        [
            html.Span("Joulecast", className="brand", title=f"joulecast {software()}"),
            html.Span(site.name, className="site-name"),
            html.Span(mode(source), id="mode-badge", className=mode_class(source)),
            html.Span(id="authority", className="badge"),
            html.Div(
                [
                    html.Span(id="data-age", className="age"),
                    html.Span(id="alarm-head"),
                    html.Span(id="plant-time", className="hide-small"),
                    html.Span(
                        [
                            html.Button(id="zone-next", className="btn small"),
                            html.Button(id="units-next", className="btn small"),
                            labelled(
                                html.Button("◐", id="theme-next", className="btn small"),
                                label="Light or dark",
                            ),
                        ],
                        className="row",
                    ),
                    html.Span(id="who"),
                    hold.button(),
                ],
                className="right",
            ),
        ],
        className="head",
    )


def mode(source: Source) -> str:
    """What the badge says: whether there is a plant behind the numbers, and whether its time is ours."""
    speed = source.context.clock.speed_ratio
    plant = "SIMULATED PLANT" if source.context.site.site.simulated else "LIVE"
    return plant if speed == 1 else f"{plant} · time runs {speed:g}x"


def mode_class(source: Source) -> str:
    """The badge's look: not by colour alone."""
    real = source.context.clock.speed_ratio == 1 and not source.context.site.site.simulated
    return "badge" if real else "badge demo"


def live(source: Source) -> Live:
    """What every poll brings to the header."""
    age = data_age(source)
    return {
        ("data-age", "children"): lambda: f"data {fmt.age(age)} old" if age is not None else "no data yet",
        ("data-age", "className"): lambda: "age late" if late(source) else "age",
        ("plant-time", "children"): lambda: clock(source),
        ("alarm-head", "children"): quiet(lambda: alarm_count(source), "alarms not known"),
        ("authority", "children"): quiet(lambda: authority(source), "ADVICE NOT KNOWN"),
        ("zone-next", "children"): lambda: zone_name(source),
        ("zone-next", "title"): lambda: (
            f"Times are in {source.zone.key}; press for the site's zone, UTC or this browser's"
        ),
        ("units-next", "children"): lambda: view.units().upper(),
        ("units-next", "title"): lambda: "Units: SI or IP (inch-pound)",
        ("who", "children"): who,
        **hold.live(source),
    }


def clock(source: Source) -> Child:
    """The plant's time; the date gives way first where there is little room."""
    *day, time, name = fmt.long_time(source.now, source.zone).split(" ")
    return [html.Span(" ".join([*day, ""]), className="hide-medium"), f"{time} {name}"]


def zone_name(source: Source) -> str:
    """Whose time is shown."""
    seen = view.current()
    if seen is None or seen.zone_choice == view.SITE_ZONE:
        return "site time"
    return "UTC" if seen.zone_choice == "UTC" else source.zone.key.rpartition("/")[2].replace("_", " ")


def who() -> Child:
    """Who is signed in, and the way in or out."""
    found = auth.user()
    if found.role is auth.Role.GUEST:
        return dcc.Link("Sign in", href="/login", refresh=True)
    return [
        html.Span(found.name, title=f"signed in as {found.role}"),
        " ",
        dcc.Link("Sign out", href="/logout", refresh=True),
    ]


def authority(source: Source) -> str:
    """How far advice may go at this site: the furthest of its setpoints."""

    def read() -> str:
        given = [trust.authority for trust in conduct(source).trust]
        furthest = max(given, key=list(Authority).index, default=None)
        return f"ADVICE {furthest.replace('_', '-').upper()}" if furthest else "ADVICE OFF"

    found: str = source.kept("authority", _KEEP_WALL_S, read)
    return found


def alarm_count(source: Source) -> Child:
    """How many alarms stand, by priority, and how many nobody has looked at."""
    found = status.alarm_counts(source)
    if not found:
        return "no alarms"
    return dcc.Link(
        [
            html.Span(
                f"{PRIORITY_MARKS[count.priority]} {count.open}"
                + (f" ({count.unseen} new)" if count.unseen else ""),
                className=f"alarm p{count.priority}",
            )
            for count in found
        ],
        href="/alarms",
        className="row",
    )


def data_age(source: Source) -> float | None:
    """Age of the meters' readings [s of plant time]; None before the first or without a database."""
    try:
        return snapshot(source).data_age_s
    except ServiceError:
        return None


def late(source: Source) -> bool:
    """Whether they are late, or nobody knows."""
    try:
        return snapshot(source).late
    except ServiceError:
        return True


def stale(source: Source) -> str:
    """What the banner says of the data; nothing while they are fresh or before the first."""
    try:
        now = snapshot(source)
        return stale_reason(now) or silent_reason(source, now)
    except ServiceError as error:
        return fmt.sentence(f"{error}.")


def stale_reason(now: Snapshot) -> str:
    """The same of the plant at a moment."""
    if now.data_age_s is None or not now.stale:
        return ""
    age = fmt.age(now.data_age_s)
    return f"No new reading of the power meters for {age} of plant time: figures are withheld."


def silent_reason(source: Source, now: Snapshot) -> str:
    """What it says sooner, of meters that have come more often than this."""
    delay_s = SILENT_WALL_S * source.context.clock.speed_ratio
    if now.data_age_s is None or now.data_age_s <= delay_s:
        return ""
    gaps_s = usual_gaps_s(source)
    ages = [(point.age_s, gaps_s[point.ref]) for point in now.points if point.ref in gaps_s]
    silent = [(age_s, gap_s) for age_s, gap_s in ages if age_s > gap_s + delay_s]
    if not silent:
        return ""
    age_s, gap_s = max(silent, key=lambda of: of[0] - of[1])
    return (
        f"No new reading of the power meters for {fmt.age(age_s)} of plant time, where one comes "
        f"every {fmt.age(gap_s)}: figures are old."
    )


def usual_gaps_s(source: Source) -> dict[str, float]:
    """The time that each power meter has lately been silent for [s], 9 times in 10, where that is known."""
    site, speed = source.context.site, source.context.clock.speed_ratio
    refs = [str(ref) for ref in site.meters.facility + site.meters.it]

    def read() -> dict[str, float]:
        after = source.now - LATELY * speed
        rows = source.rows("ui_usual_gap", site=site.id, refs=refs, after=after)
        return {row["ref"]: row["gap_s"] for row in rows}

    kept: dict[str, float] = source.kept("usual gaps", _KEEP_GAP_WALL_S, read)
    return kept
