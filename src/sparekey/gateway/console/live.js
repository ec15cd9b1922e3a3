// The connection: one state after the other. When it is lost, it is looked for again with growing pauses; while nobody looks at the page,
// only a glance now and then keeps its title true.

const FIRST_PAUSE = 1e3, LONGEST_PAUSE = 30e3;
const QUIET_AFTER = 25e3; // the gateway speaks at least every 10 s: whoever hears nothing for so long is cut off
const HIDDEN_GRACE = 20e3; // going through one's tabs is no reason to leave
const GLANCE_EVERY = 60e3;

let source = null, timer = null, pause = FIRST_PAUSE, heardAt = 0, dueAt = 0;
let take = () => {}, tell = () => {};

// `onState` gets each state, `onLink` hears "live" or "lost", with a word about why.
export function follow(onState, onLink) {
  [take, tell] = [onState, onLink];
  attempt();
}

// Milliseconds until the next attempt; 0 while one is under way.
export const nextTry = () => Math.max(0, dueAt - Date.now());

export function tryNow() {
  pause = FIRST_PAUSE;
  attempt();
}

// Called once a second while the page is looked at: silence is told from a connection that nobody closed.
export function watch() {
  if (source && Date.now() - heardAt > QUIET_AFTER) lost("It has gone silent.");
}

// The session has ended: log in, and come back to the same chain.
export function leave() {
  sessionStorage.setItem("sparekey-chain", location.hash);
  location.replace("console/login?ended");
}

async function attempt() {
  plan(null);
  try {
    const next = await fetched();
    if (next) take(next);
    if (next && !document.hidden) listen();
    else if (next) plan(attempt, GLANCE_EVERY);
  } catch (error) {
    lost(error.said ?? "");
  }
}

async function fetched() {
  const answer = await fetch("admin/api/state", { signal: AbortSignal.timeout(8e3) });
  if (answer.status === 401) return leave();
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(), { said: said.error?.message ?? `It answered ${answer.status}.` });
  }
  return answer.json();
}

function listen() {
  source?.close();
  source = new EventSource("admin/api/events");
  heardAt = Date.now();
  source.onmessage = (message) => {
    heardAt = Date.now();
    pause = FIRST_PAUSE;
    take(JSON.parse(message.data));
    tell("live");
  };
  source.onerror = () => lost(""); // the browser's own retries have no growing pauses, and know nothing of a session's end
}

function lost(why) {
  const wait = pause * (0.8 + 0.4 * Math.random()); // many pages do not come back in one moment
  pause = Math.min(pause * 2, LONGEST_PAUSE);
  plan(attempt, document.hidden ? GLANCE_EVERY : wait);
  tell("lost", why);
}

// Close what is open, and do something later: there is one plan at a time.
function plan(work, wait = 0) {
  source?.close();
  source = null;
  clearTimeout(timer);
  dueAt = work ? Date.now() + wait : 0;
  if (work) timer = setTimeout(work, wait);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) { if (source) clearTimeout(timer); else tryNow(); }
  else if (source) timer = setTimeout(attempt, HIDDEN_GRACE);
});
addEventListener("online", tryNow);
