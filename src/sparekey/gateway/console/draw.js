// Elements, icons, charts, and numbers as people read them. Text is only ever set as text: what providers say is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ── icons: 16 x 16, strokes ──

const PATHS = {
  serving: "M2.5 8h10M8.7 4.2 12.5 8l-3.8 3.8",
  ready: "M3 8.4 6.4 11.8 13 4.6",
  failing: "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
  parked: "M5.5 3.5v9M10.5 3.5v9",
  held: "M4.2 7.2h7.6v6H4.2zM5.7 7.2V5a2.3 2.3 0 0 1 4.6 0v2.2",
  due: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2M8 5v3.2l2.2 1.4",
  probing: "M13.4 8A5.4 5.4 0 1 1 11.6 4M11.8 1.6V4.3H9.1",
  spare: "M8 2.2 14.4 13.4H1.6zM8 6.4v3.2M8 11.4v.2",
  down: "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
  ok: "M3 8.4 6.4 11.8 13 4.6",
  failover: "M8 2.5v10.6M3.8 8.9 8 13.1l4.2-4.2",
  failback: "M8 13.5V2.9M3.8 7.1 8 2.9l4.2 4.2",
  recovered: "M3 8.4 6.4 11.8 13 4.6",
  probed: "M6.9 2.3a4.6 4.6 0 1 0 0 9.2 4.6 4.6 0 0 0 0-9.2M10.3 10.3 13.8 13.8",
  exhausted: "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
  action: "M8 2.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2M3 13.6a5 5 0 0 1 10 0",
};

export function icon(name) {
  const path = svg("path", { d: PATHS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" });
  return svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}

// ── charts ──

// A line of medians, the oldest first; a gap where there was nothing. It stands on zero, and its top is the same for all that are compared.
export function spark(values, label, top) {
  const width = 120, height = 22;
  const x = (i) => (i / Math.max(values.length - 1, 1)) * width;
  const y = (v) => height - 2 - (Math.min(v, top) / top) * (height - 4);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "chart", role: "img", "aria-label": label });
  chart.append(svg("path", { class: "base", d: `M0 ${height - 0.5}H${width}` }));
  let path = "", open = false;
  values.forEach((v, i) => {
    if (v === null) { open = false; return; }
    const lone = !open && (i + 1 >= values.length || values[i + 1] === null);
    path += lone ? `M${x(i) - 1.5} ${y(v)}h3` : `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    open = true;
  });
  if (path) chart.append(svg("path", { class: "spark", d: path }));
  return chart;
}

// One bar: the share of the successes, and of each error class.
export function mix(requests, errors, label) {
  const width = 120, height = 22, chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "chart", role: "img", "aria-label": label });
  const failed = errors.reduce((sum, e) => sum + e.count, 0), total = Math.max(requests, failed);
  chart.append(svg("rect", { class: "well", x: 0, y: 8, width, height: 6, rx: 1 }));
  const classes = new Map();
  for (const e of errors) classes.set(e.class, (classes.get(e.class) ?? 0) + e.count);
  let x = 0;
  for (const [name, count] of classes) {
    const share = Math.max((count / total) * width, 2);
    chart.append(svg("rect", { class: `mix-${name}`, x: x.toFixed(2), y: 8, width: Math.min(share, width - x).toFixed(2), height: 6 }));
    x += share;
  }
  return chart;
}

// Who was active when: a line that steps between rows, the first credential on top. Rows that were never active are left out.
export function steps({ first, points, from, now, rows, width, label, at }) {
  const used = [...new Set([0, first, ...points.map(([, row]) => row)])].filter((row) => row >= 0).sort((a, b) => a - b);
  const left = 26, right = 8, rowHeight = 18, height = used.length * rowHeight + 20;
  const x = (time) => left + ((Math.max(time, from) - from) / (now - from)) * (width - left - right);
  const y = (row) => used.indexOf(row) * rowHeight + rowHeight / 2; // a credential that is gone stands above all: −1
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "steps-chart", role: "img", "aria-label": label });
  for (const row of used) {
    const title = svg("title");
    title.textContent = rows[row];
    chart.append(svg("path", { class: "base", d: `M${left} ${y(row)}H${width - right}` }), text(12, y(row) + 4, row + 1, "middle", title));
  }
  let path = `M${left} ${y(first)}`;
  for (const [time, row] of points) path += `H${x(time).toFixed(1)}V${y(row)}`;
  chart.append(svg("path", { class: "stepped", d: `${path}H${width - right}` }));
  chart.append(text(left, height - 4, at(from), "start"), text(width - right, height - 4, "now", "end"));
  return chart;
}

function text(x, y, words, anchor, ...children) {
  const node = svg("text", { x, y, "text-anchor": anchor });
  node.append(String(words), ...children);
  return node;
}

// ── numbers ──

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  return value < 60 ? `${value.toPrecision(value < 10 ? 2 : 3).replace(/\.0+$/, "")} s` : span(value);
}

export function count(value) {
  if (value < 10000) return value.toLocaleString("en");
  for (const [size, word] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${(value / size).toPrecision(3).replace(/\.0+$/, "")}${word}`;
  }
  return String(value);
}

// A length of time, in the two units that matter: 7 s, 4 min 12 s, 1 h 4 min, 3 days.
export function span(value) {
  const whole = Math.max(0, Math.ceil(value));
  if (whole >= 2 * 86400) return `${Math.round(whole / 86400)} days`;
  const parts = [[Math.floor(whole / 3600), "h"], [Math.floor((whole % 3600) / 60), "min"], [whole % 60, "s"]];
  const told = parts.slice(parts.findIndex(([n]) => n > 0)).slice(0, 2).filter(([n]) => n > 0);
  return told.map(([n, unit]) => `${n} ${unit}`).join(" ") || "0 s";
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function clock(at) {
  const date = new Date(at * 1000);
  return Date.now() - date.getTime() > 18 * 3600e3 ? DAY.format(date) : CLOCK.format(date);
}
