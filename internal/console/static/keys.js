// Keys of every page: "/" focuses the query, j and k move between events, "?" shows the keys.

const list = document.getElementById("keys");
const open = document.querySelector(".keys-button");
open.hidden = false;

function isTyping(target) {
  return target.closest("input, select, textarea, [contenteditable], dialog") !== null;
}

// move focuses the event after the current one, or the one before it. Without a current one, it
// starts at the first one that is visible.
function move(step) {
  const events = [...document.querySelectorAll(".event")];
  const current = events.indexOf(document.activeElement?.closest(".event"));
  const below = document.querySelector("body > header").getBoundingClientRect().bottom;
  const next = current >= 0 ? current + step : events.findIndex((event) => event.getBoundingClientRect().top >= below);
  const event = events[next];
  if (!event) {
    return;
  }
  event.tabIndex = -1;
  event.focus({ preventScroll: true });
  event.scrollIntoView({ block: "nearest" });
}

// focusQuery focuses the first field of the query that is empty.
function focusQuery() {
  const fields = [...document.querySelectorAll("form.query input:not([type=hidden])")];
  const field = fields.find((input) => input.value === "") ?? fields[0] ?? document.querySelector("main input");
  field?.focus();
}

const keys = {
  "/": focusQuery,
  j: () => move(1),
  k: () => move(-1),
  o: () => document.activeElement?.closest(".event")?.querySelector("a.position")?.click(),
  "?": () => list.togglePopover(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    return;
  }
  if (event.key === "Escape" && isTyping(event.target) && !event.defaultPrevented) {
    event.target.blur();
  } else if (Object.hasOwn(keys, event.key) && !isTyping(event.target)) {
    event.preventDefault();
    keys[event.key]();
  }
});
