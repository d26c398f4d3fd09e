// Timeline: the table of periods as a chart of stacked bars. Selecting a range leads to its timeline,
// and a click on a bar to the links of its period.
import uPlot from "./lib/uPlot.esm.js";

const element = document.getElementById("timeline");
const rows = [...document.querySelectorAll("#periods tbody tr")];

function draw() {
  const hint = document.getElementById("period");
  const periods = rows.map((row) => ({
    from: Number(row.dataset.from),
    to: Number(row.dataset.to),
    since: row.dataset.since,
    until: row.dataset.until,
    counts: [...row.querySelectorAll(".count")].map((cell) => Number(cell.textContent.replace(/\D/g, ""))),
    browse: row.querySelector(".browse")?.href,
    zoom: row.querySelector(".zoom")?.href,
    name: row.cells[0].textContent,
    events: row.cells[1].textContent,
  }));
  const series = [...document.querySelectorAll("#series tbody tr")].map((row) => ({
    name: row.cells[0].textContent.trim(),
    number: row.dataset.series,
  }));
  const { from } = periods[0];
  const { to } = periods.at(-1);
  // The highest bar is drawn first, and the others over it.
  const sums = series.map((_, n) => periods.map((p) => p.counts.slice(0, n + 1).reduce((a, b) => a + b, 0)));
  const data = [periods.map((p) => p.from), ...sums.toReversed()];
  const palette = colors(series);
  const axis = {
    stroke: () => palette.muted,
    grid: { stroke: () => palette.border, width: 1 },
    ticks: { stroke: () => palette.border, width: 1 },
    font: "12px system-ui, sans-serif",
  };

  let pinned = false;
  function show(period) {
    if (period) {
      const parts = series.map((s, n) => `${s.name} ${period.counts[n].toLocaleString("en").replaceAll(",", "\u202f")}`).filter((_, n) => period.counts[n] > 0);
      hint.replaceChildren(`${period.name}: ${period.events} ${period.events === "1" ? "event" : "events"}${parts.length > 0 ? " — " : ""}${parts.join(", ")}`);
    }
  }
  function pin(period) {
    pinned = true;
    show(period);
    for (const [href, text] of [[period.browse, "Browse these events"], [period.zoom, "Zoom in"]]) {
      if (href) {
        const link = document.createElement("a");
        link.href = href;
        link.textContent = text;
        hint.append(" ", link);
      }
    }
  }

  const plot = new uPlot(
    {
      width: element.clientWidth || 640,
      height: height(),
      ms: 1,
      tzDate: (at) => uPlot.tzDate(new Date(at), "Etc/UTC"),
      legend: { show: false },
      scales: { x: { time: true, range: [from, to] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
      axes: [{ ...axis, space: 76, values: timeLabels }, { ...axis, size: 64, incrs: [1, 2, 5].flatMap((n) => [...Array(16).keys()].map((e) => n * 10 ** e)).sort((a, b) => a - b), values: (_, ticks) => ticks.map((n) => n.toLocaleString("en").replaceAll(",", "\u202f")) }],
      series: [
        {},
        ...series.toReversed().map((s) => ({
          label: s.name,
          fill: () => palette[s.number],
          stroke: () => palette.background,
          width: 1,
          points: { show: false },
          paths: bars(periods),
        })),
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 5, click: () => {} } },
      hooks: {
        setCursor: [(u) => !pinned && u.cursor.left >= 0 && show(periodAt(u.posToVal(u.cursor.left, "x")))],
        setSelect: [(u) => {
          if (u.select.width > 0) {
            zoom(periodAt(u.posToVal(u.select.left, "x")), periodAt(u.posToVal(u.select.left + u.select.width - 1, "x")));
          }
        }],
      },
    },
    data,
    element,
  );

  function periodAt(at) {
    return periods.findLast((p) => p.from <= at) ?? periods[0];
  }

  plot.over.addEventListener("click", (event) => {
    const period = periodAt(plot.posToVal(event.offsetX, "x"));
    if (period.browse && plot.select.width === 0) { // a selection ends with a click too
      pin(period);
    }
  });
  selectByTouch(plot);
  element.hidden = hint.hidden = false;
  resize();

  function resize() {
    plot.setSize({ width: element.clientWidth, height: height() });
  }
  function recolor() {
    Object.assign(palette, colors(series));
    plot.redraw(false);
  }
  new ResizeObserver(resize).observe(element);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
  new MutationObserver(recolor).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}

// selectByTouch selects a range with a finger or a pen, as uPlot does with the mouse. A finger that moves up or down
// scrolls the page, and a short touch is a click.
function selectByTouch(plot) {
  const { over } = plot;
  let touch; // the pointer and where it began
  over.style.touchAction = "pan-y pinch-zoom";
  const select = (event, isDone) => {
    const box = over.getBoundingClientRect();
    const to = Math.min(Math.max(event.clientX - box.left, 0), box.width);
    const width = Math.abs(to - touch.from);
    plot.setSelect(width < 5 ? { left: 0, width: 0, top: 0, height: 0 } : { left: Math.min(to, touch.from), width, top: 0, height: box.height }, isDone);
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" && event.isPrimary) {
      touch = { id: event.pointerId, from: event.clientX - over.getBoundingClientRect().left };
      over.setPointerCapture(event.pointerId);
    }
  });
  over.addEventListener("pointermove", (event) => {
    if (event.pointerId === touch?.id) {
      select(event, false);
    }
  });
  over.addEventListener("pointerup", (event) => {
    if (event.pointerId === touch?.id) {
      select(event, true);
      touch = undefined;
    }
  });
  over.addEventListener("pointercancel", (event) => { // the page scrolls
    if (event.pointerId === touch?.id) {
      touch = undefined;
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    }
  });
}

// timeLabels are the labels of times: the smallest distance of two, the label, and what is added if
// the year, the month, the day, the hour, the minute or the second is another than at the label before.
const day = 24 * 3600e3;
const timeLabels = [
  [365 * day, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * day, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [day, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60e3, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1e3, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{ss}.{fff}", "\n{YYYY}-{MM}-{DD} {HH}:{mm}", null, "\n{MM}-{DD} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];

function height() {
  return innerWidth < 640 ? 220 : 320;
}

// zoom opens the timeline from the start of a period to the end of another.
function zoom(first, last) {
  const url = new URL(location.href);
  url.searchParams.set("since", first.since);
  url.searchParams.set("until", last.until);
  location.assign(url);
}

// bars returns a function that makes the paths of a series: each bar is as wide as its period.
function bars(periods) {
  return (u, index, first, last) => {
    const fill = new Path2D();
    const base = u.valToPos(0, "y", true);
    let narrowest = Infinity;
    for (let i = first; i <= last; i++) {
      const left = u.valToPos(periods[i].from, "x", true);
      const right = u.valToPos(periods[i].to, "x", true);
      const top = u.valToPos(u.data[index][i], "y", true);
      narrowest = Math.min(narrowest, right - left);
      if (top < base) {
        fill.rect(left, top, Math.max(1, right - left), base - top);
      }
    }
    // A line around a bar separates it from those beside and below it, if there is space.
    return { fill, stroke: narrowest > 6 ? fill : null, clip: null, flags: 1 | 2 };
  };
}

// colors returns the colours of the page as a canvas needs them.
function colors(series) {
  const probe = document.createElement("span");
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = { background: color("background"), border: color("border"), muted: color("muted") };
  for (const { number } of series) {
    palette[number] = color(`chart-${number}`);
  }
  probe.remove();
  return palette;
}

if (element && rows.length > 0) {
  draw();
}
