// The page: one state comes in after the other (live.js), and every part of the page shows its share of it.

import { injectFault, testAll, whenDone } from "./actions.js";
import { isReadOnly, renderCards, running, tickCards } from "./cards.js";
import { clock, el, icon, setText } from "./draw.js";
import { follow, nextTry, tryNow, watch } from "./live.js";
import { renderPast, tickPast } from "./past.js";

const $ = (id) => document.getElementById(id);
const SPEAK_EVERY = 10e3; // a chain that flaps must not talk without end
const TOLD_FOR = 20e3;
const LEVELS = { ok: ["✓", "well"], spare: ["!", "not all is well"], down: ["✗", "requests fail"] };
const WORST_FIRST = ["down", "spare", "ok"];

let state = null, levels = new Map();
let heardAt = 0; // by this page's own clock: a countdown needs no agreement about the time of day
let heardWhen = 0; // the time of day, for people
let isLive = false;
let spokenAt = -SPEAK_EVERY, toSpeak = "";
let toldUntil = 0;
const next = running($("next"));

const since = () => (performance.now() - heardAt) / 1000;
const chainNow = () => state.chains.find((c) => c.name === chosen()) ?? state.chains[0];

function chosen() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // somebody wrote a lone % into the address
  }
}

// ── what comes in ──

function take(coming) {
  const before = state && chainNow();
  for (const chain of coming.chains) { // what has not changed is not sent again
    const old = state?.chains.find((c) => c.name === chain.name);
    chain.timeline ??= old?.timeline ?? [];
    chain.failures ??= old?.failures ?? [];
  }
  state = coming;
  heardAt = performance.now();
  heardWhen = Date.now() / 1000;
  link("live");
  const now = chainNow();
  if (!now) return;
  document.title = titleOf(state.chains);
  if (!document.hidden) render();
  const died = state.chains.filter((c) => c !== now && c.level === "down" && levels.get(c.name) !== "down" && levels.has(c.name));
  if (before?.name === now.name && before.headline !== now.headline) toSpeak = `${now.headline}. ${now.detail}`;
  else if (died.length) toSpeak = died.map((c) => `${c.name}: ${c.headline}.`).join(" ");
  levels = new Map(state.chains.map((c) => [c.name, c.level]));
}

// A tab tells of the chain that is worst, whichever is looked at.
function titleOf(chains) {
  const level = WORST_FIRST.find((one) => chains.some((c) => c.level === one)), such = chains.filter((c) => c.level === level);
  const name = chains.length > 1 ? `${such[0].name}: ` : "";
  const said = level === "ok" && chains.length > 1 ? `${chains.length === 2 ? "Both" : `All ${chains.length}`} chains serve` : `${name}${such[0].headline}`;
  const more = level !== "ok" && such.length > 1 ? ` (and ${such.length - 1} more)` : "";
  return `${LEVELS[level][0]} ${said}${more} · sparekey`;
}

function link(how, why = "") {
  isLive = how === "live";
  document.body.classList.toggle("live", isLive);
  document.body.classList.toggle("stale", !isLive);
  setText($("link-words"), isLive ? "Live" : "Not connected");
  const trouble = isLive ? troubleOf(state) : lostWords(why);
  $("banner").hidden = !trouble;
  $("retry").hidden = isLive;
  setText($("banner-words"), trouble);
  tellRetry();
}

// Beside the alert, not in it: a number that moves must not be read out each second.
function tellRetry() {
  const wait = Math.ceil(nextTry() / 1000);
  setText($("retry-words"), wait ? `Next try in ${wait} s.` : "Trying…");
}

function lostWords(why) {
  const when = state ? ` What you see is from ${clock(heardWhen)}, and may no longer be true.` : "";
  return `No connection to the gateway.${why ? ` ${why}` : ""}${when}`;
}

function troubleOf({ config, store }) {
  if (config.error) return `The changed configuration was refused; the one before is in use. ${config.error}`;
  return store.away ? `The store is away; this process goes on with what it knows. ${store.away}` : "";
}

// ── the whole page ──

function render() {
  const chain = chainNow();
  if (!chain) return;
  renderChains(chain);
  renderHero(chain);
  renderCards(chain, chainNow, isReadOnly(state, chain));
  renderPast(chain);
  renderAbout();
  tick();
}

function renderChains(chain) {
  const wanted = JSON.stringify(state.chains.map((c) => [c.name, wordOf(c), c.headline, c === chain]));
  if ($("chains").dataset.shown === wanted) return;
  const focused = document.activeElement?.dataset.chain;
  $("chains").dataset.shown = wanted;
  $("chains").replaceChildren(...state.chains.map((c) =>
    el("button", { type: "button", class: c.level, "data-chain": c.name, title: `${c.name}: ${c.headline}`, "aria-current": String(c === chain), onclick: () => choose(c.name) },
      icon(c.level), el("span", { class: "label", text: c.name }), el("span", { class: wordOf(c) === "well" ? "hidden" : `level ${wordOf(c)}`, text: wordOf(c) }))));
  if (focused) $("chains").querySelector(`[data-chain="${CSS.escape(focused)}"]`)?.focus();
}

// A slow chain is well, and not like one that answers at once.
function wordOf(chain) {
  const serving = chain.credentials.find((c) => c.id === chain.serving);
  return chain.level === "ok" && (serving?.slow ?? null) !== null ? "slow" : LEVELS[chain.level][1];
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
  $("headline").className = chain.headline.length > 60 ? "long" : "";
  setText($("detail"), chain.detail);
  next.fill(chain.next);
  setText($("reserve"), chain.level === "ok" && chain.credentials.slice(1).every((c) => c.standing === "ready") ? "" : chain.reserve);
  $("fault").hidden = chain.faults.length === 0;
  $("read-only").hidden = !isReadOnly(state, chain);
  $("test-all").hidden = isReadOnly(state, chain);
}

function renderAbout() {
  const { config, store, version } = state;
  const from = config.path ? `Configuration ${config.path}, read at ${clock(config.loaded_at)}` : "No configuration file";
  setText($("about"), `sparekey ${version} · ${from} · State kept in ${store.kind} · Requests, errors and tokens since midnight UTC, times of the last 10 minutes`);
}

// ── what a person did ──

whenDone((text) => {
  setText($("told-words"), text);
  $("told").hidden = false;
  toldUntil = performance.now() + TOLD_FOR;
});

function untell() {
  $("told").hidden = true;
}

// ── time ──

function tick() {
  if (state && isLive) { // without a connection the times stand still with everything else: nobody knows whether they still hold
    const passed = since();
    next.tick(passed);
    tickCards(passed);
    tickPast();
  }
  tellRetry();
  if (toSpeak && performance.now() - spokenAt > SPEAK_EVERY) {
    setText($("spoken"), toSpeak);
    [spokenAt, toSpeak] = [performance.now(), ""];
  }
  if (!$("told").hidden && performance.now() > toldUntil && !$("told").contains(document.activeElement)) untell();
  watch();
}

let ticking = null;

function tickWhileSeen() {
  clearInterval(ticking);
  ticking = document.hidden ? null : setInterval(tick, 500);
  if (!document.hidden && state) render();
}

$("test-all").addEventListener("click", () => testAll(chainNow()));
$("fault").addEventListener("click", () => injectFault(chainNow()));
$("try-now").addEventListener("click", tryNow);
$("untell").addEventListener("click", untell);
addEventListener("hashchange", () => state && render());
document.addEventListener("visibilitychange", tickWhileSeen);

const kept = sessionStorage.getItem("sparekey-chain"); // from before the login
sessionStorage.removeItem("sparekey-chain");
if (kept && !location.hash) history.replaceState(null, "", kept);
tickWhileSeen();
follow(take, link);
