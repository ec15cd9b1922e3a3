// The page: one state comes in by server-sent events, and every part of the page shows its share of it.

import { injectFault, offer, testAll } from "./actions.js";
import { clock, count, el, icon, mix, seconds, setText, spark, span } from "./draw.js";

const $ = (id) => document.getElementById(id);
const STATES = {
  serving: "Serving", ready: "Ready", parked: "Parked", held: "Held", due: "Due for a probe", probing: "Being probed",
};
const QUIET_AFTER = 25e3; // the gateway speaks at least every 10 s
const FIRST_MOMENTS = 12, FIRST_FAILURES = 8;

let state = null;
let heardAt = 0; // by this page's own clock: a countdown needs no agreement about the time of day
let cards = new Map();
let shape = "";
const more = { moments: false, failures: false };

const since = () => (performance.now() - heardAt) / 1000;
const chainNow = () => state.chains.find((c) => c.name === decodeURIComponent(location.hash.slice(1))) ?? state.chains[0];

function stateOf(chain, row) {
  if (row.held) return "held";
  if (row.standing === "parked") return "parked";
  if (row.standing === "due for a probe") return "due";
  if (row.standing === "being probed") return "probing";
  return row.id === chain.serving ? "serving" : "ready";
}

// ── live ──

let source = null;

function connect() {
  source?.close();
  source = new EventSource("admin/api/events");
  source.onmessage = (message) => take(JSON.parse(message.data));
  source.onerror = () => {
    stale();
    if (source.readyState === EventSource.CLOSED) setTimeout(again, 3000);
  };
}

async function again() {
  try {
    const answer = await fetch("admin/api/state");
    if (answer.status === 401) { location.href = "console/login"; return; }
  } catch { /* still away */ }
  connect();
}

function stale() {
  document.body.classList.replace("live", "stale") || document.body.classList.add("stale");
  setText($("link-words"), "Not connected");
  $("banner").hidden = false;
  const when = state ? `What you see is from ${clock(Date.now() / 1000 - since())}.` : "";
  setText($("banner"), `No connection to the gateway. ${when} Trying again…`);
}

function take(next) {
  const before = state && chainNow();
  state = next;
  heardAt = performance.now();
  document.body.classList.remove("stale");
  document.body.classList.add("live");
  setText($("link-words"), "Live");
  const refused = next.config.error;
  $("banner").hidden = !refused && !next.store.away;
  setText($("banner"), refused ? `The changed configuration was refused; the one before is in use. ${refused}`
    : next.store.away ? `The store is away; this process goes on with what it knows. ${next.store.away}` : "");
  render();
  const now = chainNow();
  if (now && before?.name === now.name && before.headline !== now.headline) speak(`${now.headline}. ${now.detail}`);
}

function speak(text) {
  $("spoken").textContent = text;
}

// ── the whole page ──

function render() {
  const chain = chainNow();
  if (!chain) return;
  renderChains(chain);
  renderHero(chain);
  renderCards(chain);
  renderMoments(chain);
  renderFailures(chain);
  renderAbout();
  tick();
}

function renderChains(chain) {
  const wanted = JSON.stringify(state.chains.map((c) => [c.name, c.level, c === chain]));
  if ($("chains").dataset.shown === wanted) return;
  const focused = document.activeElement?.dataset.chain;
  $("chains").dataset.shown = wanted;
  $("chains").replaceChildren(...state.chains.map((c) =>
    el("button", { type: "button", "data-chain": c.name, "aria-current": String(c === chain), onclick: () => choose(c.name) },
      icon(c.level), c.name, el("span", { class: "hidden", text: { ok: "well", spare: "a spare serves", down: "nobody can serve" }[c.level] }))));
  if (focused) $("chains").querySelector(`[data-chain="${CSS.escape(focused)}"]`)?.focus();
}

function choose(name) {
  location.hash = encodeURIComponent(name);
}

function renderHero(chain) {
  $("hero").hidden = $("columns").hidden = false;
  if ($("hero").className !== chain.level) {
    $("hero").className = chain.level;
    $("hero-icon").replaceChildren(icon(chain.level));
  }
  setText($("headline"), chain.headline);
  setText($("detail"), chain.detail);
  $("fault").hidden = chain.faults.length === 0;
  document.title = `${{ ok: "✓", spare: "!", down: "✗" }[chain.level]} ${chain.headline} · sparekey`;
}

// What happens next, with the seconds that are left: a part of the sentence that ticks.
function upcoming(chain) {
  const serving = chain.credentials.findIndex((c) => c.id === chain.serving);
  const higher = serving < 0 ? chain.credentials : chain.credentials.slice(0, serving);
  const timed = higher.filter((c) => c.returns_in > 0).sort((a, b) => a.returns_in - b.returns_in)[0];
  if (higher.some((c) => c.standing === "being probed")) return ["One request is trying it now.", null];
  const due = higher.find((c) => c.standing === "due for a probe");
  if (due) return [`The next request tries ${due.id}.`, null];
  if (timed) return [serving < 0 ? `${timed.id} returns in ` : `${timed.id} is tried again in `, timed.returns_in];
  if (chain.failback && higher.some((c) => c.standing === "ready")) {
    return [`Traffic steps up after ${chain.failback.after} more requests, or in `, chain.failback.in];
  }
  const lower = chain.credentials.filter((c) => c.returns_in > 0).sort((a, b) => a.returns_in - b.returns_in)[0];
  return lower ? [`${lower.id} returns in `, lower.returns_in] : ["", null];
}

function renderAbout() {
  const { config, store, version } = state;
  const from = config.path ? `Configuration ${config.path}, read at ${clock(config.loaded_at)}` : "No configuration file";
  setText($("about"), `sparekey ${version} · ${from} · State kept in ${store.kind} · Requests, errors and tokens since midnight UTC, times of the last 10 minutes`);
}

// ── credentials ──

function renderCards(chain) {
  const wanted = JSON.stringify([chain.name, chain.credentials.map((c) => c.id)]);
  if (wanted !== shape) {
    shape = wanted;
    cards = new Map(chain.credentials.map((row) => [row.id, makeCard(row)]));
    $("credentials").replaceChildren(...[...cards.values()].map((card) => card.root));
    $("timeline").replaceChildren();
    $("failures").replaceChildren();
  }
  for (const row of chain.credentials) fillCard(chain, row, cards.get(row.id));
}

function makeCard(row) {
  const part = (tag, name) => el(tag, { class: name });
  const card = { pill: part("span", "pill"), words: part("p", "words"), stats: part("dl", "stats"), about: part("p", "about"), node: part("span", "node") };
  card.node.textContent = row.index + 1;
  card.node.setAttribute("aria-hidden", "true");
  card.button = el("button", { type: "button", text: "Actions", "aria-label": `Actions for ${row.id}`, "aria-haspopup": "dialog" });
  card.button.addEventListener("click", () => {
    const chain = chainNow();
    offer(chain, chain.credentials.find((c) => c.id === row.id));
  });
  card.text = el("span");
  card.time = el("time");
  card.words.append(card.text, card.time);
  card.root = el("li", { class: "card", "data-id": row.id }, card.node,
    el("div", {}, el("p", { class: "name" }, el("strong", { text: row.id }), card.pill), card.about, card.words), card.stats, card.button);
  return card;
}

function fillCard(chain, row, card) {
  const now = stateOf(chain, row);
  if (card.pill.dataset.state !== now) {
    card.pill.dataset.state = now;
    card.pill.className = `pill ${now}`;
    card.pill.replaceChildren(icon(now), STATES[now]);
    card.root.className = `card ${now}`;
  }
  setText(card.about, [row.model, row.provider, row.host, row.account && `account ${row.account}`].filter(Boolean).join(" · "));
  setText(card.text, row.words);
  card.returns = row.returns_in;
  const figures = JSON.stringify([row.requests, row.errors, row.latency, row.first_content, row.tokens_today]);
  if (card.figures !== figures) {
    card.figures = figures;
    card.stats.replaceChildren(...statsOf(row));
  }
}

function statsOf(row) {
  const stat = (name, figure, chart, sub) =>
    el("div", {}, el("dt", { text: name }), el("dd", {}, el("span", { class: "figure", text: figure }), chart, el("div", { class: "sub", text: sub })));
  const told = row.errors.slice(0, 2).map((e) => `${count(e.count)} ${words(e.reason || e.class)}`).join(", ");
  const rest = row.errors.length > 2 ? `, ${row.errors.length - 2} more` : "";
  const failed = row.failed ? told + rest : row.requests ? "none failed" : "";
  const { prompt, completion, total } = row.tokens_today;
  return [
    stat("Requests today", count(row.requests), mix(row.requests, row.errors, `${row.failed} of ${row.requests} failed: ${told}`), failed),
    stat("Answer", seconds(row.latency.median), spark(row.latency.recent, "Median time to an answer in the last 10 minutes"), p95(row.latency)),
    stat("First content", seconds(row.first_content.median),
      spark(row.first_content.recent, "Median time to first content in the last 10 minutes"), p95(row.first_content)),
    stat("Tokens today", count(total), share(prompt, completion), total ? `${count(prompt)} in, ${count(completion)} out` : ""),
  ];
}

const words = (reason) => reason.replaceAll("_", " ");
const p95 = (times) => (times.p95 === null ? "" : `95 % under ${seconds(times.p95)}`);

function share(prompt, completion) {
  const chart = mix(prompt + completion, [], `${prompt} prompt tokens, ${completion} completion tokens`);
  const total = prompt + completion;
  if (total) {
    const bar = chart.firstChild.cloneNode();
    bar.setAttribute("class", "mix-transient");
    bar.setAttribute("width", ((prompt / total) * 120).toFixed(2));
    chart.append(bar);
  }
  return chart;
}

// ── what happened ──

const named = (what) => what.map((w) => w.replace(/^credential:/, "").replace(/^(account|endpoint|model):/, "$1 ")).join(" and ");

function told(moment) {
  const who = named(moment.what), why = words(moment.reason || moment.cause);
  switch (moment.kind) {
    case "failover": return `${who} took over from ${moment.old}`;
    case "failback": return `Traffic returned from ${moment.old} to ${who}`;
    case "parked": return `${who} parked for ${span(moment.seconds)}: ${why}`;
    case "held": return `${who} held by a person${moment.seconds === null ? "" : ` for ${span(moment.seconds)}`}`;
    case "probed": return `One request tries ${who}`;
    case "recovered": return `${who} is well again`;
    case "exhausted": return "A request found nobody to serve it";
    default: return `A person: ${{ release: "released", probe: "asked to probe", activate: "made active", test: "tested" }[moment.reason] ?? moment.reason} ${who || "all credentials"}`;
  }
}

const KINDS = { parked: "parked", held: "held" };

function renderMoments(chain) {
  const shown = chain.timeline.slice(0, more.moments ? undefined : FIRST_MOMENTS);
  keyed($("timeline"), shown, (m) => `${chain.name} ${m.at} ${m.kind} ${m.what}`, (m) =>
    el("li", { class: m.kind }, el("time", { class: "at", text: clock(m.at) }), icon(KINDS[m.kind] ?? m.kind), el("span", { text: told(m) })),
  "Nothing yet: no switch, no park.");
  $("more-moments").hidden = more.moments || chain.timeline.length <= FIRST_MOMENTS;
}

function renderFailures(chain) {
  const shown = chain.failures.slice(0, more.failures ? undefined : FIRST_FAILURES);
  keyed($("failures"), shown, (f) => `${chain.name} ${f.at} ${f.call} ${f.number} ${f.credential}`, makeFailure, "Nothing has failed.");
  $("more-failures").hidden = more.failures || chain.failures.length <= FIRST_FAILURES;
}

function makeFailure(f) {
  const fact = (name, value) => (value === null || value === "" ? [] : [el("dt", { text: name }), el("dd", { text: value })]);
  return el("li", {}, el("details", {},
    el("summary", {}, el("time", { class: "at", text: clock(f.at) }), el("span", {}, el("strong", { text: f.credential }), ` ${f.words}`), el("span", { class: "explain", text: "explain" })),
    el("div", { class: "explained" },
      f.message ? el("p", { class: "said mono", text: f.message }) : null,
      el("dl", {}, ...fact("What to do", f.remedy), ...fact("Class", `${f.class} (${f.reason})`), ...fact("Status", f.status), ...fact("Blames", f.scope),
        ...fact("Stated wait", f.retry_after === null ? null : seconds(f.retry_after)), ...fact("Decided by", f.rule), ...fact("Took", f.duration === null ? null : seconds(f.duration)),
        ...fact("Call", f.call ? `${f.call}, attempt ${f.number}` : null)),
      f.trace.length ? el("div", {}, el("p", { class: "muted", text: "How it was read" }), el("ol", { class: "steps mono" }, ...f.trace.map((step) => el("li", { text: step })))) : null)));
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
  for (const node of old.values()) if (!wanted.includes(node)) node.remove();
  wanted.forEach((node, i) => { if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null); });
}

// ── time ──

function tick() {
  if (!state) return;
  const passed = since(), chain = chainNow();
  for (const card of cards.values()) setText(card.time, card.returns > passed ? ` Returns in ${span(card.returns - passed)}.` : "");
  const [text, left] = upcoming(chain);
  const running = left !== null && left > passed;
  if ($("next").dataset.text !== text || Boolean($("next").querySelector("time")) !== running) {
    $("next").dataset.text = text;
    $("next").replaceChildren(text, ...(running ? [el("time"), "."] : []));
  }
  if (running) setText($("next").querySelector("time"), span(left - passed));
  if (passed * 1000 > QUIET_AFTER) stale();
}

$("test-all").addEventListener("click", () => testAll(chainNow()));
$("fault").addEventListener("click", () => injectFault(chainNow()));
for (const [name, draw] of [["moments", renderMoments], ["failures", renderFailures]]) {
  $(`more-${name}`).addEventListener("click", () => {
    more[name] = true;
    draw(chainNow());
    $({ moments: "timeline", failures: "failures" }[name]).querySelector("summary, li")?.focus?.();
  });
}
addEventListener("hashchange", () => state && render());
setInterval(tick, 250);
connect();
