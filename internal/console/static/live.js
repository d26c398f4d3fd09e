// Live: receives events, shows the newest ones, and connects again when the connection is lost.

const state = document.getElementById("live");
const list = document.getElementById("tail");
const pauseButton = document.getElementById("pause");
const connection = document.getElementById("connection");

const silence = 15_000; // milliseconds without a message after which the connection counts as lost
const rateSeconds = 10; // seconds of the rate

let source; // the EventSource; undefined while there is none
let last; // when the last message has arrived
let position; // after which events are received when a new EventSource is opened
let head = 0; // the largest that is known
let isPaused = false;
let total = 0;
const kept = document.createElement("div"); // the newest events that have arrived during a pause
let keptCount = 0;
const counts = []; // [time, number of events] of the last seconds

function number(n) {
  return n.toLocaleString("en").replaceAll(",", "\u202f");
}

function setText(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

function report(text, isLost) {
  setText("connection", text);
  connection.className = isLost ? "error" : "good";
}

// add puts events before those of an element, and removes those that are too many.
function add(element, events) {
  element.prepend(events);
  while (element.childElementCount > Number(state.dataset.limit)) {
    element.lastElementChild.remove();
    document.getElementById("dropped").hidden = false;
  }
}

function show(events) {
  const added = [...events.children];
  document.getElementById("waiting").hidden = true;
  add(list, events);
  for (const event of added) {
    if (event.isConnected) {
      window.htmx?.process(event);
    }
  }
}

function receive({ count, html }) {
  const template = document.createElement("template");
  template.innerHTML = html; // the server has escaped what events contain
  total += count;
  counts.push([performance.now(), count]);
  showHead(Number(position));
  setText("total", number(total));
  if (isPaused) {
    add(kept, template.content);
    keptCount += count;
    showPause();
  } else {
    show(template.content);
  }
}

function showHead(position) {
  head = Math.max(head, position);
  setText("head", number(head));
}

function showPause() {
  pauseButton.setAttribute("aria-pressed", String(isPaused));
  setText("pause", isPaused ? `Resume: ${number(keptCount)} new` : "Pause");
}

function togglePause() {
  isPaused = !isPaused;
  if (!isPaused) {
    const events = document.createDocumentFragment();
    events.append(...kept.children);
    if (keptCount > 0) {
      show(events);
    }
    keptCount = 0;
  }
  showPause();
}

function open() {
  const url = new URL(state.dataset.events, location.href);
  url.searchParams.set("after", position);
  source = new EventSource(url);
  last = performance.now();
  const on = (type, handle) => source.addEventListener(type, (event) => {
    last = performance.now();
    position = event.lastEventId;
    report("Connected", false);
    handle(JSON.parse(event.data));
  });
  on("beat", ({ head }) => showHead(head));
  on("events", receive);
  on("problem", ({ detail, status }) => {
    report(`Disconnected: ${detail}`, true);
    if (status < 500) {
      close(); // it would fail again
    }
  });
  source.addEventListener("error", lose);
}

function close() {
  source?.close();
  source = undefined;
}

// lose reports that the connection is lost. A browser connects again on its own, unless the server
// has answered with an error. That one is then asked for.
async function lose() {
  if (source?.readyState !== EventSource.CLOSED) {
    report("Disconnected, connecting again…", true);
    return;
  }
  close();
  try {
    const response = await fetch(`/live.json${location.search}`);
    if (!response.ok) {
      const { detail, status } = await response.json();
      report(`Disconnected: ${detail}`, true);
      if (status < 500) {
        return; // it would fail again
      }
    }
  } catch {
    report("Disconnected, connecting again…", true);
  }
  setTimeout(open, 2000);
}

// everySecond shows the rate, and connects again if the connection is silent, as after the sleep of
// a computer.
function everySecond() {
  const now = performance.now();
  while (counts.length > 0 && now - counts[0][0] > rateSeconds * 1000) {
    counts.shift();
  }
  const rate = counts.reduce((sum, [, count]) => sum + count, 0) / rateSeconds;
  setText("rate", rate >= 100 ? number(Math.round(rate)) : String(Math.round(rate * 10) / 10));
  if (source && now - last > silence) {
    close();
    report("Disconnected, connecting again…", true);
    open();
  }
}

if (state) { // a page with a problem has no events
  position = state.dataset.after;
  state.hidden = false;
  pauseButton.addEventListener("click", togglePause);
  setInterval(everySecond, 1000);
  open();
}
