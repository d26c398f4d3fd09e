// Draws the tables of the page as a graph. The layout is computed at once, and is the same each time.
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "/static/lib/d3-force.min.js";

const steps = 300;
const colors = 8; // kind-0 to kind-7 in console.css
const labelLength = 24;

const figure = document.getElementById("graph");
const rows = (id) => [...document.querySelectorAll(`#${id} tbody tr`)].map((row) => row.dataset);

function prefixOf(tag) {
  const colon = tag.indexOf(":");
  return colon < 0 ? "" : tag.slice(0, colon);
}

// element returns an SVG element with attributes and children.
function element(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const short = (tag) => (tag.length > labelLength ? `${tag.slice(0, labelLength - 1)}…` : tag);
const plural = (n) => (n === "1" ? "1 event" : `${Number(n).toLocaleString("en")} events`);

// load returns the nodes, that of the page's tag first, and the links between them.
function load() {
  const center = { tag: figure.dataset.tag, events: figure.dataset.events, center: true };
  const nodes = [center, ...rows("nodes").map(({ tag, events }) => ({ tag, events }))];
  const most = Math.max(...nodes.slice(1).map((node) => Number(node.events)));
  for (const node of nodes) {
    node.radius = node.center ? 20 : 5 + 11 * Math.sqrt(node.events / most);
    node.label = node.center ? short(node.tag) : `${short(node.tag)} · ${node.events}`;
    node.half = Math.max(node.radius, node.label.length * 3.4);
  }
  const links = nodes.slice(1).map((node) => ({ source: center.tag, target: node.tag, events: node.events, own: true }));
  links.push(...rows("edges").map(({ a, b, events }) => ({ source: a, target: b, events, own: false })));
  return { nodes, links, most };
}

// place computes the position of each node in an area of a size.
function place({ nodes, links }, width, height) {
  nodes.forEach((node, i) => {
    const turn = i * 2.399963; // the golden angle spreads them
    const distance = i === 0 ? 0 : 60 + 14 * Math.sqrt(i);
    node.x = distance * Math.cos(turn);
    node.y = distance * Math.sin(turn);
    delete node.vx;
    delete node.vy;
  });
  nodes[0].fx = nodes[0].fy = 0;
  forceSimulation(nodes)
    .force("link", forceLink(links.map((link) => ({ ...link }))).id((node) => node.tag)
      .distance((link) => link.source.radius + link.target.radius + 70).strength((link) => (link.own ? 0.25 : 0.05)))
    .force("charge", forceManyBody().strength(-180))
    .force("collide", forceCollide((node) => Math.min(node.half, 44) + 5).iterations(2))
    .force("x", forceX().strength(0.04 * Math.min(1, height / width)))
    .force("y", forceY().strength(0.04 * Math.min(1, width / height) * (width / height)))
    .stop()
    .tick(steps);
  fit(nodes, width, height);
}

// fit scales the positions to the area, so that labels are within it.
function fit(nodes, width, height) {
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [left, right] = range(nodes.map((node) => node.x));
  const [top, bottom] = range(nodes.map((node) => node.y));
  const side = Math.min(width / 4, Math.max(...nodes.map((node) => node.half)) + 4);
  const scaleX = Math.min(1.6, (width - 2 * side) / Math.max(1, right - left));
  const scaleY = Math.min(1.6, (height - 76) / Math.max(1, bottom - top));
  for (const node of nodes) {
    node.x = width / 2 + (node.x - (left + right) / 2) * scaleX;
    node.y = (height - 14) / 2 + (node.y - (top + bottom) / 2) * scaleY;
  }
}

function drawNode(node, kinds) {
  const title = node.center ? `${node.tag}: ${plural(node.events)}` : `${node.tag}: ${plural(node.events)} together with ${figure.dataset.tag}`;
  const shape = [
    element("title", {}, title),
    element("circle", { r: node.radius, class: `kind-${kinds.get(prefixOf(node.tag))}` }),
    element("text", { y: node.radius + 12 }, node.label),
  ];
  const at = { transform: `translate(${node.x.toFixed(1)} ${node.y.toFixed(1)})`, "data-tag": node.tag };
  if (node.center) {
    return element("g", { ...at, class: "center" }, ...shape);
  }
  return element("a", { ...at, href: `/graph?${new URLSearchParams({ tag: node.tag })}`, "aria-label": title }, ...shape);
}

// part returns the graph of the first nodes, as many as have space for their labels.
function part(graph, width) {
  const nodes = graph.nodes.slice(0, 1 + Math.floor(width / 18));
  const tags = new Set(nodes.map((node) => node.tag));
  return { ...graph, nodes, links: graph.links.filter((link) => tags.has(link.source) && tags.has(link.target)) };
}

// draw replaces the drawing by one of the present width.
function draw(all, kinds) {
  const width = Math.max(280, figure.clientWidth);
  const graph = part(all, width);
  const height = Math.round(Math.min(680, Math.max(320, 160 + 60 * Math.sqrt(graph.nodes.length), width < 600 ? 105 * Math.sqrt(graph.nodes.length) : 0)));
  place(graph, width, height);
  const byTag = new Map(graph.nodes.map((node) => [node.tag, node]));
  const lines = graph.links.map((link) => {
    const [a, b] = [byTag.get(link.source), byTag.get(link.target)];
    return element("line", {
      x1: a.x.toFixed(1), y1: a.y.toFixed(1), x2: b.x.toFixed(1), y2: b.y.toFixed(1),
      "stroke-width": (1 + 3 * Math.sqrt(link.events / graph.most)).toFixed(1),
      class: link.own ? "own" : "other", "data-a": link.source, "data-b": link.target,
    });
  });
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `Graph of ${figure.dataset.tag}` },
    element("g", { "aria-hidden": "true" }, ...lines),
    element("g", {}, ...graph.nodes.map((node) => drawNode(node, kinds))));
  for (const type of ["pointerover", "focusin"]) {
    svg.addEventListener(type, (event) => mark(svg, event.target.closest("[data-tag]")?.dataset.tag));
  }
  for (const type of ["pointerleave", "focusout"]) {
    svg.addEventListener(type, () => mark(svg));
  }
  figure.querySelector(":scope > svg")?.remove();
  figure.prepend(svg);
  const omitted = all.nodes.length - graph.nodes.length;
  figure.querySelector(".omitted")?.remove();
  if (omitted > 0) {
    const note = document.createElement("span");
    note.className = "omitted";
    note.textContent = `${omitted} tags are only in the table: a wider window has space for them.`;
    figure.querySelector("figcaption").append(note);
  }
}

// mark emphasises the lines of a node.
function mark(svg, tag) {
  for (const line of svg.querySelectorAll("line")) {
    line.classList.toggle("marked", tag !== undefined && (line.dataset.a === tag || line.dataset.b === tag));
  }
}

// colorOf returns the number of a colour for each prefix, mostly the same in every graph. The last
// colour is that of tags without a prefix; prefixes share colours if there are more than colours.
function colorOf(prefixes) {
  const kinds = new Map();
  const free = new Set(Array(colors - 1).keys());
  for (const prefix of [...prefixes].sort()) {
    let kind = colors - 1;
    if (prefix !== "") {
      kind = [...prefix].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) % 65521, 0) % (colors - 1);
      if (!free.has(kind) && free.size > 0) {
        [kind] = free;
      }
      free.delete(kind);
    }
    kinds.set(prefix, kind);
  }
  return kinds;
}

// legend shows which colour a prefix has.
function legend(kinds) {
  figure.querySelector("figcaption").replaceChildren(...[...kinds].map(([prefix, kind]) => {
    const item = document.createElement("span");
    const circle = element("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
      element("circle", { cx: 6, cy: 6, r: 5, class: `kind-${kind}` }));
    item.append(circle, prefix === "" ? "without a prefix" : `${prefix}:`);
    return item;
  }));
}

const graph = load();
const kinds = colorOf(new Set(graph.nodes.map((node) => prefixOf(node.tag))));
figure.hidden = false;
legend(kinds);
draw(graph, kinds);
let drawn = figure.clientWidth;
addEventListener("resize", () => {
  if (figure.clientWidth !== drawn) {
    drawn = figure.clientWidth;
    draw(graph, kinds);
  }
});
