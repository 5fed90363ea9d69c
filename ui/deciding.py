"""What a person decides on the recommendations page: what is asked, restated, checked and carried out.

Everything that comes from a browser is checked here; the rules are the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from dash import html, no_update

from core.actions import Authority, Setpoint
from core.errors import JoulecastError
from core.tariff import Objective
from ui import actions
from ui import format as fmt
from ui.access import auth
from ui.components import advice as parts
from ui.components.conduct import AUTHORITY_WORDS, OBJECTIVES
from ui.data import advice
from ui.data.conduct import conduct

if TYPE_CHECKING:
    from ui.components.panel import Child
    from ui.data import Source

ACCEPT, SECOND, REJECT, REVERT, OBJECTIVE, AUTHORITY, LOOK = (
    "accept", "second", "reject", "revert", "objective", "authority", "look",
)  # fmt: skip
OF_CARD: Final = (ACCEPT, SECOND, REJECT)
"""Asked of the card that is shown, in the version that was seen."""
UNREASONED: Final = frozenset({ACCEPT, SECOND, LOOK})
"""What needs no reason: the card has it."""
PERMISSION_OF: Final = {SECOND: "advice.second", OBJECTIVE: "advice.policy", LOOK: "alarm.acknowledge"}
"""What takes another permission than to decide about advice; more trust takes `TRUST`."""
TRUST: Final = "advice.policy"
MORNING_H: Final = 7
"""Until this hour of tomorrow something may be put off [h]."""
_GONE: Final = "There is no recommendation to act on."


@dataclass(frozen=True, slots=True)
class Question:
    """What stands in the dialog."""

    title: str
    text: list[Child]
    confirm: str
    needs_reason: bool


def problems(asked: dict[str, Any], actor: str | None, reason: str | None) -> tuple[str, ...]:
    """What the person can mend in the dialog."""
    reasoned = asked.get("do") not in UNREASONED
    found = (actions.actor_problem(actor), actions.reason_problem(reason) if reasoned else "")
    return tuple(text for text in found if text)


def wanted(pressed: Any, seen: dict[str, Any] | None, objective: Any) -> dict[str, Any] | None:
    """What a press of a button asks for; none where that is nothing."""
    if isinstance(pressed, dict):
        if pressed.get("type") in {REVERT, LOOK}:
            return {"do": pressed["type"], "id": pressed.get("of")}
        return {"do": AUTHORITY, "setpoint": pressed.get("setpoint"), "to": pressed.get("to")}
    do = str(pressed).removesuffix("-open")
    if do == OBJECTIVE:
        return {"do": OBJECTIVE, "to": objective}
    return (
        {"do": do, **{name: (seen or {}).get(name) for name in ("id", "version")}} if do in OF_CARD else None
    )


def question(source: Source, asked: dict[str, Any], actor: str | None) -> Question:
    """What will happen, once more, before it does."""
    do, who = asked["do"], (actor or "").strip()
    if do == OBJECTIVE:
        name = OBJECTIVES.get(str(asked["to"]), str(asked["to"]))
        text = html.P(f"From now on advice saves: {name}. What stands is worked out anew.")
        return Question("Change what advice saves?", [text], "Change", needs_reason=True)
    if do == AUTHORITY:
        return _about_authority(source, asked)
    if do == LOOK:
        said = "It goes on record that you have looked; what was suspended because of it goes on."
        return Question("Have you looked at it?", [html.P(said)], "I have looked", needs_reason=False)
    return _about_card(source, asked, who)


def _about_card(source: Source, asked: dict[str, Any], who: str) -> Question:
    do, of = asked["do"], asked.get("id")
    found = [r for r in advice.recommendations(source) if r.recommendation_id == of]
    if not found:
        return Question("It is no longer there", [html.P(_GONE)], "Confirm", needs_reason=False)
    top = found[0]
    action = html.P(parts.action(top.changes), className="action small")
    on_record = html.P(f"{top.title}; on record as decided by {who}.", className="note")
    if do == REJECT:
        return Question("Reject this recommendation?", [action, on_record], "Reject", needs_reason=True)
    if do == REVERT:
        back = top.lease.own_c if top.lease else (top.changes[0].from_c if top.changes else None)
        text = html.P(f"The plant's own control has it back at once: {fmt.temperature(back)}.")
        return Question("Take this change back?", [action, text, on_record], "Revert", needs_reason=True)
    title = "Accept this recommendation?" if do == ACCEPT else "Agree as the second person?"
    return Question(title, [action, *_restated(source, top), on_record], *_confirm(source, do))


def _confirm(source: Source, do: str) -> tuple[str, bool]:
    sends = "and send" if source.context.site.write_back else "as instruction"
    return (f"Accept {sends}" if do == ACCEPT else "Agree"), False


def _restated(source: Source, top: advice.Recommendation) -> list[Child]:
    writes = source.context.site.write_back and top.authority not in {Authority.SHADOW, Authority.ADVISORY}
    hours = source.context.site.advice.hold_h
    sends = (
        f"The setpoint is sent to the plant, step by step within its rate, and held for {hours:g} h under a "
        "lease that is renewed every minute. It goes back to the plant's own control when the hold time is "
        "over, when somebody presses Revert or HOLD, when an inlet is too warm, or when we fall silent."
        if writes
        else "Nothing is written to the plant: you set it by hand, and we watch for the change."
    )
    return [
        html.P(fmt.sentence(parts.saving(top)) + ", modelled."),
        html.P(parts.inlet_text(top)),
        html.P([sends, " The gates are asked again before anything is sent."]),
    ]


def _about_authority(source: Source, asked: dict[str, Any]) -> Question:
    step = authority_of(asked)
    trust = next((t for t in conduct(source).trust if t.setpoint.value == asked.get("setpoint")), None)
    if step is None or trust is None:
        return Question("There is no such step", [html.P("Look again.")], "Confirm", needs_reason=True)
    name = fmt.words(trust.setpoint)
    text = [html.P(f"{fmt.sentence(name)} becomes {step.replace('_', '-')}: {AUTHORITY_WORDS[step]}.")]
    if step in trust.below:
        text.append(html.P("This holds at once; what rests on more authority is withdrawn or goes back."))
        return Question("Trust advice less?", text, "Demote", needs_reason=True)
    text.append(
        html.P(
            f"Evidence: {trust.days} days in this mode, {trust.number} verified savings, "
            f"{fmt.percent(trust.coverage_ratio)} of them inside the stated interval, "
            f"{trust.breaches} breaches. "
            + (
                f"{trust.asked_by} asks for it already."
                if trust.asked_by
                else "A second person has to agree."
            )
        )
    )
    return Question("Trust advice more?", text, "Promote", needs_reason=True)


def authority_of(asked: dict[str, Any]) -> Authority | None:
    """The authority that is asked for; none where there is no such."""
    return Authority(asked["to"]) if asked.get("to") in set(Authority) else None


def needed(source: Source, asked: dict[str, Any]) -> str:
    """The permission that an action takes; less trust than now is everybody's on shift."""
    if asked.get("do") == AUTHORITY:
        step = authority_of(asked)
        trust = next((t for t in conduct(source).trust if t.setpoint.value == asked.get("setpoint")), None)
        return "advice.decide" if trust and step in trust.below else TRUST
    return PERMISSION_OF.get(str(asked.get("do")), "advice.decide")


def carry_out(
    source: Source, asked: dict[str, Any], actor: str | None, reason: str | None
) -> tuple[bool, str, Any]:
    """Do what the dialog restated.

    Returns:
        Whether it was done, what to tell, and the recommendation to keep on the page.
    """
    for problem in problems(asked, actor, reason):
        return False, problem, no_update
    try:
        permission = needed(source, asked)
        if not auth.user().may(permission):
            return False, f"Not done: {auth.denied(permission)}", no_update
        outcome = _act(source, asked, actor or "", reason or "")
    except JoulecastError as error:
        return False, actions.not_done(error), no_update
    if outcome is None:
        return False, _GONE, no_update
    for key in ("savings", "hold"):
        source.forget(key)
    pin = asked.get("id") if asked["do"] in OF_CARD else no_update
    return (
        (True, fmt.said(outcome.message), pin)
        if outcome.ok
        else (False, f"Not done: {fmt.said(outcome.message)}", no_update)
    )


def _act(source: Source, asked: dict[str, Any], actor: str, reason: str) -> actions.Outcome | None:
    """What the engine says; nothing where the browser asked for what there is not."""
    of, version, to, name = (asked.get(part) for part in ("id", "version", "to", "setpoint"))
    to, name = (text if isinstance(text, str) else "" for text in (to, name))
    numbered, versioned = isinstance(of, int), isinstance(of, int) and isinstance(version, int)
    match asked.get("do"):
        case "objective" if to in set(Objective):
            done = actions.choose_objective(source, Objective(to), actor, reason)
        case "authority" if to in set(Authority) and name in set(Setpoint):
            done = actions.change_authority(source, Setpoint(name), Authority(to), actor, reason)
        case "revert" if numbered:
            done = actions.revert(source, asked["id"], actor, reason)
        case "look" if numbered:
            done = actions.look(source, asked["id"], actor)
        case "reject" if versioned:
            done = actions.reject(source, asked["id"], asked["version"], actor, reason)
        case "accept" if versioned:
            done = actions.accept(source, asked["id"], asked["version"], actor)
        case "second" if versioned:
            done = actions.approve_second(source, asked["id"], asked["version"], actor)
        case _:
            return None
    return done


def until(now: datetime, choice: str, source: Source) -> datetime | None:
    """Until when something is put off: hours from now, or tomorrow morning at the site."""
    if choice in {"1", "4"}:
        return now + timedelta(hours=int(choice))
    if choice != "tomorrow":
        return None
    zone = source.context.site.zone
    day = now.astimezone(zone).date() + timedelta(days=1)
    morning = datetime(day.year, day.month, day.day, MORNING_H, tzinfo=zone)
    return min(morning.astimezone(now.tzinfo), now + timedelta(hours=24))


def put_off(source: Source, seen: dict[str, Any], actor: str, choice: str) -> tuple[str, Any]:
    """Snooze the card that is shown.

    Returns:
        What to tell, and the recommendation to keep on the page.
    """
    of, version, back = seen.get("id"), seen.get("version"), until(source.now, choice, source)
    if not isinstance(of, int) or not isinstance(version, int) or back is None:
        return _GONE, no_update
    try:
        outcome = actions.snooze(source, of, version, actor, back)
    except JoulecastError as error:
        return actions.not_done(error), no_update
    if not outcome.ok:
        return f"Not done: {fmt.said(outcome.message)}", no_update
    return f"Put off; it comes back {fmt.clock_time(back, source.zone, source.now)}.", of
