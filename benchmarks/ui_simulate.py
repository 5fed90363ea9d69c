"""How long the twin's answers take on the screen: a slider of What-if, a day of Replay, a frame of it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from sheet import NotMeasured

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOVES: Final = 20
SUPPLIES_C: Final = ("22.5", "22", "21.5", "21", "20.5")
"""Each makes another replay of the day."""
FRAMES: Final = 60
WITHIN: Final = """([started, element]) => {
  window.benchAnswer = new Promise(resolve => {
    let began = 0;
    window.addEventListener(started, () => { began = performance.now(); }, { capture: true, once: true });
    new MutationObserver((_, seen) => {
      if (!began) { return; }
      seen.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
    }).observe(document.querySelector(element), { childList: true, subtree: true, characterData: true });
  });
}"""
"""Set before somebody does something: from the event to the paint of what it changes [ms]."""
SCRUBBED = """async count => {
  const player = window.joulecastReplay, line = document.getElementById("replay-cursor"), took = [];
  for (let i = 0; i < count; i += 1) {
    const began = performance.now();
    player.seek(86000 * ((i * 37) % count) / count);
    line.getBoundingClientRect();
    took.push(performance.now() - began);
    await new Promise(requestAnimationFrame);
  }
  return took;
}"""
"""A jump of the cursor with everything that follows it, laid out [ms]."""
HEALTHY = """async count => {
  const took = [];
  for (let i = 0; i < count; i += 1) {
    const began = performance.now();
    await (await fetch("/healthz", { cache: "no-store" })).text();
    took.push(performance.now() - began);
  }
  return took;
}"""
"""The least that anything takes that asks the server [ms]."""


def healthy_ms(page: Page) -> list[float]:
    """The same."""
    return [float(ms) for ms in page.evaluate(HEALTHY, MOVES)]


def slider_ms(page: Page, url: str) -> list[float]:
    """From a step of a slider by keyboard to the figures that answer it, painted [ms].

    Raises:
        NotMeasured: this console has no such page.
    """
    page.goto(f"{url}/whatif")
    page.wait_for_selector("#page h1")
    if page.inner_text("#page h1") != "What-if":
        raise NotMeasured("this console has no What-if page")
    page.wait_for_selector("#whatif-figures:not(:empty)")
    thumb = page.locator("[role=slider]").first
    thumb.focus()
    taken = []
    for number in range(MOVES):
        page.wait_for_timeout(300)  # the answer before is done
        page.evaluate(WITHIN, ["keydown", "#whatif-figures"])
        thumb.press("ArrowRight" if number < MOVES // 2 else "ArrowLeft")
        taken.append(float(page.evaluate("() => window.benchAnswer")))
    return taken


def replay_ms(page: Page, url: str) -> tuple[float, list[float]]:
    """Median from the button to another replay's numbers, painted, and the frames of scrubbing it [ms]."""
    page.goto(f"{url}/replay")
    page.wait_for_selector("#replay-facility_kw-measured:not(:empty)")
    taken = []
    for supply_c in SUPPLIES_C:
        page.fill("#replay-supply-air-temperature", supply_c)
        page.keyboard.press("Tab")
        page.evaluate(WITHIN, ["click", "#replay-badge"])
        page.click("#replay-run")
        taken.append(float(page.evaluate("() => window.benchAnswer")))
    page.wait_for_timeout(1000)  # the charts are drawn
    return median(taken), [float(ms) for ms in page.evaluate(SCRUBBED, FRAMES)]
