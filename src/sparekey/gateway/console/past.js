// What happened: who was active when, the switches and parks as a list, and the last failed attempts with the way each was read.

import { clock, el, icon, seconds, span, steps } from "./draw.js";

const FIRST = { moments: 12, failures: 8 };
const $ = (id) => document.getElementById(id);
const more = { moments: false, failures: false };

let current = null, drawnAt = 0;

export function renderPast(chain) {
  current = chain;
  renderMoments(chain);
  renderFailures(chain);
  renderSteps(chain);
}

// The chart's right end is now: it moves on even if nothing happens.
export function tickPast() {
  if (current && Date.now() - drawnAt > 30e3) renderSteps(current);
}

for (const [name, draw] of [["moments", renderMoments], ["failures", renderFailures]]) {
  $(`more-${name}`).addEventListener("click", () => {
    more[name] = !more[name];
    draw(current);
  });
}
addEventListener("resize", () => current && renderSteps(current));

// ── who was active when ──

const isSwitch = (moment) => moment.kind === "failover" || moment.kind === "failback";
const bare = (what) => what.replace(/^credential:/, "");

function renderSteps(chain) {
  drawnAt = Date.now();
  const switches = chain.timeline.filter(isSwitch).reverse(), rows = chain.credentials.map((c) => c.id);
  $("steps").hidden = !switches.length;
  if (!switches.length) return;
  const now = Date.now() / 1000, from = now - Math.min(Math.max(now - switches[0].at, 300) * 1.1, 86400);
  const place = (id) => rows.indexOf(id); // −1: a credential that is no longer configured
  const points = switches.filter((m) => m.at > from).map((m) => [m.at, place(bare(m.what[0]))]);
  const before = switches.findLast((m) => m.at <= from);
  const first = before ? place(bare(before.what[0])) : place(switches[0].old);
  const label = `Active credential in the last ${span(now - from)}, ${points.length} switch${points.length === 1 ? "" : "es"}; now ${chain.serving ?? "nobody"}`;
  $("steps").replaceChildren(steps({ first, points, from, now, rows, width: $("steps").parentElement.clientWidth - 40, label, at: clock }));
}

// ── the list ──

const KINDS = {
  failover: (m, who) => `${who} took over from ${m.old}`,
  failback: (m, who) => `Traffic returned from ${m.old} to ${who}`,
  parked: (m, who) => `${who} parked${m.seconds === null ? "" : ` for ${span(m.seconds)}`}: ${(m.reason || m.cause).replaceAll("_", " ")}`,
  held: (m, who) => `A person holds ${who} ${m.seconds === null ? "until it is released" : `for ${span(m.seconds)}`}`,
  probed: (m) => `One request tries ${named(own(m.what))}`,
  recovered: (m) => `${named(own(m.what))} ${own(m.what).length > 1 ? "are" : "is"} well again`,
  exhausted: () => "A request found nobody to serve it",
  tested: (m, who) => `Test of ${who}: ${m.words ? m.words[0].toLowerCase() + m.words.slice(1) : `it answers, after ${seconds(m.seconds)}.`}`,
  action: (m, who) => `A person ${DONE[m.reason] ?? m.reason} ${who || "all credentials"}`,
};
const DONE = { release: "released", probe: "asked for a probe of", activate: "made active:", test: "tested" };

function told(moment) {
  const fault = moment.kind === "action" && moment.reason.startsWith("fault: ");
  const text = fault ? `A person injected “${moment.reason.slice(7)}” into ${named(moment.what)}` : KINDS[moment.kind](moment, named(moment.what));
  return moment.times > 1 ? `${text} (${moment.times} times since ${clock(moment.since)})` : text;
}

// The credentials alone, if there are any: their accounts and endpoints went with them.
function own(what) {
  const credentials = what.filter((w) => w.startsWith("credential:"));
  return credentials.length ? credentials : what;
}

// What is parked by its model is a credential with one model: `model:team-a gpt-4.1-mini`.
const plain = (w) => bare(w).replace(/^model:(.+) (\S+)$/, "$1 ($2)").replace(/^(account|endpoint):/, "$1 ");

function named(what) {
  const credentials = what.filter((w) => w.startsWith("credential:")), others = what.filter((w) => !credentials.includes(w));
  const endpoint = credentials.length > 1 ? "their endpoint" : "its endpoint";
  const names = [...credentials, ...others].map((w) => (credentials.length && w.startsWith("endpoint:") ? endpoint : plain(w)));
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join();
}

// How an entry looks: a test like what it found.
const lookOf = (m) => (m.kind === "tested" ? (m.words ? "exhausted" : "recovered") : m.kind);

function renderMoments(chain) {
  const key = (m) => `${chain.name} ${m.at} ${m.kind} ${m.what} ${m.times} ${clock(m.at)}`;
  const make = (m) => el("li", { class: lookOf(m) }, el("time", { class: "at", text: clock(m.at) }), icon(lookOf(m)), el("span", { text: told(m) }));
  shown("moments", $("timeline"), chain.timeline, key, make, "Nothing yet: no switch, no park.");
}

function renderFailures(chain) {
  const key = (f) => `${chain.name} ${f.at} ${f.call} ${f.number} ${f.credential} ${clock(f.at)}`;
  shown("failures", $("failures"), chain.failures, key, makeFailure, "Nothing has failed.");
}

function makeFailure(f) {
  const times = f.times > 1 ? ` (${f.times} times since ${clock(f.since)})` : "";
  return el("li", {}, explained(f, el("time", { class: "at", text: clock(f.at) }),
    el("span", {}, el("strong", { text: f.credential }), ` ${f.words}${times}`), el("span", { class: "explain", text: "explain" })));
}

// What can be unfolded under a summary; it is made when somebody asks for it.
export function explained(f, ...summary) {
  const details = el("details", {}, el("summary", {}, ...summary));
  details.addEventListener("toggle", () => details.append(explanation(f)), { once: true });
  return details;
}

// What `sparekey explain` says of a failure: the provider's words, what to do, what was decided, and by which steps.
function explanation(f) {
  const fact = (name, value) => (value === null || value === "" ? [] : [el("dt", { text: name }), el("dd", { text: value })]);
  return el("div", { class: "explained" },
    f.message ? el("p", { class: "said mono", text: f.message }) : null,
    el("dl", {}, ...fact("What to do", f.remedy), ...fact("Class", `${f.class} (${f.reason})`), ...fact("Status", f.status), ...fact("Blames", f.scope),
      ...fact("Stated wait", f.retry_after === null ? null : seconds(f.retry_after)), ...fact("Decided by", f.rule),
      ...fact("Took", f.duration === null ? null : seconds(f.duration)), ...fact("Call", f.call ? `${f.call}, attempt ${f.number}` : null)),
    el("div", {}, el("p", { class: "muted", text: "How it was read" }), el("ol", { class: "steps mono" }, ...f.trace.map((step) => el("li", { text: step })))));
}

function shown(name, list, items, key, make, none) {
  keyed(list, more[name] ? items : items.slice(0, FIRST[name]), key, make, none);
  const button = $(`more-${name}`);
  button.hidden = items.length <= FIRST[name];
  button.textContent = more[name] ? "Show fewer" : `Show all ${items.length}`;
  button.setAttribute("aria-expanded", String(more[name]));
}

// Put the list in order without touching what is already there: an open explanation stays open, the focus stays where it is.
function keyed(list, items, key, make, none) {
  const old = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const wanted = items.map((item) => {
    const name = key(item), node = old.get(name) ?? make(item);
    node.dataset.key = name;
    return node;
  });
  if (!wanted.length) wanted.push(old.get("none") ?? el("li", { class: "none", text: none, "data-key": "none" }));
  const kept = new Set(wanted);
  for (const node of old.values()) if (!kept.has(node)) node.remove();
  wanted.forEach((node, i) => { if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null); });
}
