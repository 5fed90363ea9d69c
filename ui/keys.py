"""Keys of the keyboard that lead to a page or open a dialog, and the dialog that lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dash import html

from ui.access import auth
from ui.components.panel import facts, labelled

if TYPE_CHECKING:
    from ui.components.panel import Child
    from ui.page import Page

LETTERS: Final = {
    "/": "o",
    "/energy": "e",
    "/cooling": "c",
    "/racks": "k",
    "/forecast": "f",
    "/recommendations": "r",
    "/whatif": "w",
    "/replay": "p",
    "/alarms": "a",
    "/reports": "m",
    "/quality": "q",
    "/connect": "n",
    "/site": "t",
    "/system": "s",
    "/audit": "u",
    "/admin": "d",
}
"""By path, the letter that leads there after a g."""
_ELSEWHERE: Final = (
    ("H", "HOLD, or let advice go on: the question before it comes first"),
    ("a", "acknowledges the alarm that has the focus"),
    ("?", "these keys"),
    ("Esc", "closes a dialog"),
)
"""What the other keys do; with Shift where the letter is large."""


def dialog(pages: tuple[Page, ...]) -> Child:
    """Every key that leads somewhere the reader may go; the browser's script opens it."""
    user = auth.user()
    there = [
        (html.Kbd(f"g {LETTERS[page.path]}"), page.name)
        for page in pages
        if page.path in LETTERS and user.may(page.permission)
    ]
    elsewhere = [(html.Kbd(key), text) for key, text in _ELSEWHERE]
    close = html.Button("Close", id="keys-close", className="btn")
    found = html.Dialog(
        [
            html.H2("Keys"),
            facts([*there, *elsewhere]),
            html.P("A letter counts where nobody is typing.", className="note"),
            html.Div(close, className="buttons"),
        ],
        id="keys",
        className="panel keys",
    )
    return labelled(found, label="Keys")


def title(page: Page) -> str:
    """What a link says under the pointer; the browser's script finds it by that."""
    letter = LETTERS.get(page.path)
    return f"Keys: g {letter}" if letter else ""


def button() -> Child:
    """Opens the dialog by mouse."""
    return html.Button(["Keys ", html.Kbd("?")], id="keys-open", className="btn small")
