// The credentials of a chain, one card each: how it stands, why, what comes next, and its figures. A card is made once, then filled.

import { offer } from "./actions.js";
import { clock, count, el, icon, mix, seconds, setText, spark, span } from "./draw.js";
import { explained } from "./past.js";

const STATES = {
  failing: "Failing", serving: "Serving", ready: "Ready", parked: "Parked", held: "Held", due: "Due for a probe", probing: "Being probed",
};
const LEAST_TOP = 0.2; // seconds: what is quicker than this is quick, whatever it is beside
const list = document.getElementById("credentials");

let cards = new Map(), shape = "";

// Without an admin key only what stands before simulated providers can be acted on.
export const isReadOnly = (state, chain) => Boolean(state.config.read_only) && !chain.credentials.every((c) => c.simulated);

export function stateOf(chain, row) {
  if (row.failing) return "failing";
  if (row.held) return "held";
  if (row.standing === "parked") return "parked";
  if (row.standing === "due for a probe") return "due";
  if (row.standing === "being probed") return "probing";
  return row.id === chain.serving ? "serving" : "ready";
}

export function renderCards(chain, current, readOnly) {
  const wanted = JSON.stringify([chain.name, chain.credentials.map((c) => c.id)]);
  if (wanted !== shape) {
    shape = wanted;
    cards = new Map(chain.credentials.map((row) => [row.id, makeCard(row, current)]));
    list.replaceChildren(...[...cards.values()].map((card) => card.root));
  }
  const tops = { latency: topOf(chain, "latency"), first_content: topOf(chain, "first_content") };
  for (const row of chain.credentials) {
    fillCard(chain, row, cards.get(row.id), tops);
    cards.get(row.id).button.hidden = readOnly;
  }
}

export function tickCards(passed) {
  for (const card of cards.values()) card.next.tick(passed);
}

// A sentence in which a time runs: filled once, then only the time is written.
export function running(node) {
  const time = el("time"), state = { shown: "", left: null };
  return {
    fill(parts) {
      const shown = JSON.stringify([parts.before, parts.after, parts.in === null]);
      state.left = parts.in;
      if (shown === state.shown) return;
      state.shown = shown;
      node.replaceChildren(parts.before, ...(parts.in === null ? [] : [time, parts.after]));
    },
    tick(passed) {
      if (state.left !== null) setText(time, state.left > passed ? span(state.left - passed) : "a moment");
    },
  };
}

function makeCard(row, current) {
  const part = (tag, name) => el(tag, { class: name });
  const card = { pill: part("span", "pill"), slow: el("span", { class: "slowly", hidden: true }, icon("due"), "Slow"), stats: part("dl", "stats"), about: part("p", "about"), why: part("span", ""), following: part("span", "following"), told: part("div", "told-of") };
  card.next = running(card.following);
  card.button = el("button", { type: "button", text: "Actions", "aria-label": `Actions for ${row.id}`, "aria-haspopup": "dialog" });
  card.button.addEventListener("click", () => {
    const chain = current();
    offer(chain, chain.credentials.find((c) => c.id === row.id));
  });
  card.root = el("li", { class: "card", "data-id": row.id },
    el("span", { class: "node", "aria-hidden": "true", text: row.index + 1 }),
    el("div", { class: "who" },
      el("p", { class: "name" }, el("strong", { text: row.id }), card.pill, card.slow), card.about,
      el("p", { class: "words" }, card.why, " ", card.following), card.told),
    card.stats, card.button);
  return card;
}

// The longest median that any credential of the chain shows: beside one of 8 s, one of 10 ms lies on the ground.
const topOf = (chain, which) => Math.max(LEAST_TOP, ...chain.credentials.flatMap((row) => row[which].recent));

function fillCard(chain, row, card, tops) {
  const now = stateOf(chain, row);
  if (card.state !== now) {
    card.state = now;
    card.pill.className = `pill ${now}`;
    card.pill.replaceChildren(icon(now), STATES[now]);
    card.root.className = `card ${now}`;
  }
  setText(card.about, [row.model, row.provider, row.host, row.account && `account ${row.account}`].filter(Boolean).join(" · "));
  card.slow.hidden = row.slow === null;
  setText(card.why, row.why);
  card.next.fill(row.following);
  fillExplanation(row, card);
  const figures = JSON.stringify([row.requests, row.errors, row.latency, row.first_content, row.tokens_today, row.slow, tops]);
  if (card.figures !== figures) {
    card.figures = figures;
    card.stats.replaceChildren(...statsOf(row, tops));
  }
}

// The failure that parked it, kept beside it: the list of the last ones may have gone on.
function fillExplanation(row, card) {
  const failure = row.cause && row.last_failure, shown = failure ? `${failure.at} ${failure.call} ${failure.number}` : "";
  if (card.explained === shown) return;
  card.explained = shown;
  card.told.replaceChildren(...(failure ? [explained(failure, el("span", { class: "explain", text: `explain the failure of ${clock(failure.at)}` }))] : []));
}

// ── figures ──

function statsOf(row, tops) {
  const { prompt, completion, total } = row.tokens_today;
  return [
    stat("Requests today", count(row.requests), row.requests ? mix(row.requests, row.errors, mixed(row)) : null, failures(row)),
    timing("Answer", row.latency, tops.latency, "Median time to an answer in the last 10 minutes", row.slow),
    timing("First content", row.first_content, tops.first_content, "Median time to first content in the last 10 minutes", row.slow),
    stat("Tokens today", count(total), null, total ? `${count(prompt)} in, ${count(completion)} out` : row.succeeded ? "none told" : ""),
  ];
}

function stat(name, figure, chart, sub, look = null) {
  return el("div", { class: look }, el("dt", { text: name }), el("dd", {}, el("span", { class: "figure", text: figure }), chart, sub ? el("div", { class: "sub" }, sub) : null));
}

function timing(name, times, top, label, slow) {
  const known = times.median !== null, isSlow = slow !== null && times.latest === slow;
  const sub = known ? `${isSlow ? `now ${seconds(slow)} · ` : ""}95 % under ${seconds(times.p95)}` : "";
  return stat(name, seconds(times.median), known ? spark(times.recent, label, top) : null, sub, isSlow ? "slow" : null);
}

const words = (error) => (error.reason || error.class).replaceAll("_", " ");

function mixed(row) {
  return `${row.failed} of ${row.requests} failed${row.failed ? ": " : ""}${row.errors.map((e) => `${e.count} ${words(e)}`).join(", ")}`;
}

// The colours of the bar beside their words: nobody has to tell them apart.
function failures(row) {
  if (!row.failed) return row.requests ? "none failed" : "";
  const told = row.errors.slice(0, 3).map((e) => el("span", { class: "cause" }, el("i", { class: `key key-${e.class}`, "aria-hidden": "true" }), `${count(e.count)} ${words(e)}`));
  const more = row.errors.length - told.length;
  return el("span", { class: "causes", title: mixed(row) }, ...told, more > 0 ? el("span", { text: `and ${more} more` }) : null);
}
