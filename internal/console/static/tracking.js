// Asks for the positions again every few seconds, and shows which ones move. The store does not know
// when a position was recorded, so the times are those at which this page noticed.

const pause = 5000;
const most = 1000; // sources in the table; of more, the first ones by name
const table = document.getElementById("sources");
const state = document.getElementById("tracking-state");

const clock = (time) => `${time.toISOString().slice(11, 19)} UTC`;
const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, "\u202f");

function ago(time) {
  const seconds = Math.round((Date.now() - time) / 1000);
  if (seconds < 60) {
    return `${seconds} s ago`;
  }
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
}

// Row is a source in the table.
class Row {
  constructor(element, appeared) {
    this.element = element;
    this.first = this.position = BigInt(element.dataset.position);
    this.moved = appeared; // when the position changed; undefined if it has not
    this.cell = element.insertCell();
    this.show();
  }

  update(digits) {
    const position = BigInt(digits);
    if (position !== this.position) {
      this.position = position;
      this.moved = new Date();
      this.element.cells[1].textContent = grouped(digits);
    }
    this.show();
  }

  show() {
    const by = this.position - this.first;
    const total = by > 0n ? `, by ${grouped(String(by))} in total` : ", new";
    this.cell.textContent = this.moved ? `${clock(this.moved)}, ${ago(this.moved)}${total}` : "not yet";
    this.cell.className = this.moved ? "" : "muted";
  }
}

// insert adds a source that has its first position, in the order of names.
function insert(source, digits) {
  const element = document.createElement("tr");
  Object.assign(element.dataset, { source, position: digits });
  const link = document.createElement("a");
  link.href = `/tracking?${new URLSearchParams({ source })}`;
  link.textContent = source;
  element.insertCell().append(link);
  const number = element.insertCell();
  number.className = "number";
  number.textContent = grouped(digits);
  const next = [...table.tBodies[0].rows].find((other) => other.dataset.source > source);
  table.tBodies[0].insertBefore(element, next ?? null);
  return new Row(element, new Date());
}

// parse returns the sources with the digits of their positions: a number of JavaScript cannot have
// all of them.
const parse = (text) => JSON.parse(text.replace(/"position":(\d+)/g, '"position":"$1"')).sources;

function start() {
  const head = document.createElement("th");
  head.scope = "col";
  head.textContent = "Moved since the page was opened";
  table.tHead.rows[0].append(head);
  const rows = new Map([...table.tBodies[0].rows].map((element) => [element.dataset.source, new Row(element)]));
  const complete = rows.size < most; // otherwise another one may appear that is not new
  const explanation = `The store does not know when a position was recorded. This page has looked every ${pause / 1000} seconds since ${clock(new Date())}.`;
  state.hidden = false;
  state.textContent = explanation;

  async function refresh() {
    const started = performance.now();
    try {
      const response = await fetch(`/tracking.json${location.search}`);
      if (!response.ok) {
        throw new Error(`the server answered ${response.status}`);
      }
      for (const { source, position } of parse(await response.text())) {
        if (!rows.has(source) && complete) {
          rows.set(source, insert(source, position));
        }
        rows.get(source)?.update(position);
      }
      state.textContent = explanation;
      state.classList.remove("error");
    } catch (error) {
      state.textContent = `The positions are not up to date: ${error.message}. The page tries again.`;
      state.classList.add("error");
    }
    // A server with very many sources is asked less often.
    setTimeout(next, Math.max(pause, 20 * (performance.now() - started)));
  }

  // next refreshes as soon as the page is visible.
  function next() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", next, { once: true });
    } else {
      refresh();
    }
  }
  setTimeout(next, pause);
}

if (table) {
  start();
}
