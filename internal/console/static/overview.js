// The overview: its parts are replaced every two seconds, and a chart grows.
import uPlot from "/static/lib/uPlot.esm.js";

const pollEvery = 2000; // ms
const shownSeconds = 600; // of the chart
const answers = 5; // the rates are those since this many answers

const now = () => document.getElementById("now");
const sinces = []; // the parameters of the last answers
let paused = false;
let last; // time in ms and head of the last answer

// The chart: times in seconds, and events per second.
const points = [[], []];
const place = document.getElementById("rate");
const chart = place && newChart();

function newChart() {
  const history = place.dataset.history && JSON.parse(place.dataset.history);
  if (history) {
    const from = Date.parse(history.from) / 1000;
    history.events.forEach((events, i) => {
      points[0].push(from + (i + 1) * history.step_seconds);
      points[1].push(events / history.step_seconds);
    });
  }
  const colour = (name) => () => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    place.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", "Chart of the events per second in the last ten minutes");
  const clock = (u, values) => values.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }));
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--border"), width: 1 }, ticks: { stroke: colour("--border") } };
  const line = { label: "events per second", stroke: colour("--accent"), width: 2, fill: colour("--surface"), points: { show: false }, paths: uPlot.paths.stepped({ align: -1 }) };
  const size = () => ({ width: place.clientWidth, height: 180 });
  const made = new uPlot({
    ...size(),
    series: [{}, line],
    axes: [{ ...axis, values: clock, space: 90 }, { ...axis, size: 64 }],
    scales: { x: { range: (u, min, max) => [Math.min(min, max - 60), max] }, y: { range: (u, min, max) => [0, Math.max(max * 1.1, 1)] } },
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
  }, points, place);
  new ResizeObserver(() => made.setSize(size())).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => made.redraw());
  return made;
}

// grow adds a point for the answer that the page shows.
function grow() {
  const { time, head } = now().dataset;
  const point = { time: Number(time), head: Number(head) };
  if (chart && last && point.time > last.time) {
    points[0].push(point.time / 1000);
    points[1].push((Math.max(point.head - last.head, 0) * 1000) / (point.time - last.time));
    while (points[0][0] < point.time / 1000 - shownSeconds) {
      points[0].shift();
      points[1].shift();
    }
    chart.setData(points);
  }
  last = point;
  if (now().dataset.since) {
    sinces.push(now().dataset.since);
    sinces.splice(0, sinces.length - answers);
  }
}

// A line reports whether the page is current.
const line = document.createElement("p");
line.className = "polling";
const button = document.createElement("button");
button.type = "button";
const text = document.createElement("span");
text.setAttribute("role", "status");
line.append(button, text);
now().after(line);

function show(failure) {
  button.textContent = paused ? "Continue" : "Pause";
  const message = failure ? `No answer since ${new Date(last.time).toLocaleTimeString()}: ${failure}` : "";
  if (text.textContent !== message) {
    text.textContent = message;
    text.className = failure ? "error" : "";
  }
}
button.addEventListener("click", () => {
  paused = !paused;
  show("");
});

// isUsed reports whether the focus or a selection is in an element. It is then not replaced.
function isUsed(element) {
  const selection = getSelection();
  return element.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(element, true));
}

async function poll() {
  if (paused || document.hidden) {
    return;
  }
  try {
    const parameters = sinces.length > 0 ? `?since=${sinces[0]}` : "";
    const response = await fetch(`/${parameters}`, { signal: AbortSignal.timeout(10_000) });
    const answer = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!response.ok || !answer.getElementById("now")) {
      throw new Error(answer.querySelector(".error")?.textContent ?? answer.title);
    }
    for (const part of answer.querySelectorAll(".live")) {
      const old = document.getElementById(part.id);
      if (part.id !== "now" && isUsed(old)) {
        continue;
      }
      const focused = [...old.querySelectorAll("a")].indexOf(document.activeElement);
      const next = document.importNode(part, true);
      old.replaceWith(next);
      next.querySelectorAll("a")[focused]?.focus({ preventScroll: true });
    }
    grow();
    show("");
  } catch (error) {
    show(error.message);
  }
}

grow();
show("");
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, pollEvery));
  await poll();
}
