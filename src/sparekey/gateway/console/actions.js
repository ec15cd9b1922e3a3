// What a person may do: every action is explained and confirmed in a dialog first. Escape closes it and gives the focus back.

import { el, icon, seconds } from "./draw.js";
import { leave } from "./live.js";

const dialog = document.getElementById("dialog");
const [title, body, wrong, buttons] = ["title", "body", "wrong", "buttons"].map((name) => document.getElementById(`dialog-${name}`));

const HOLDS = [["", "until it is released"], [300, "5 minutes"], [3600, "1 hour"], [86400, "1 day"]];

const UNANSWERED = "The gateway did not answer. Whether it was done is not known: look again when the page is live.";

let done = () => {};

// What came of an action is told by `tell`, in a sentence.
export function whenDone(tell) {
  done = tell;
}

async function post(path, value = {}) {
  const sent = fetch(`admin/api/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  const answer = await sent.catch(() => { throw new Error(UNANSWERED); });
  if (answer.status === 401) leave();
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(`It was not done: ${said.error?.message ?? `the gateway answered ${answer.status}`}.`);
  return said;
}

function open(heading, content, controls) {
  title.textContent = heading;
  body.replaceChildren(...content);
  wrong.textContent = "";
  buttons.replaceChildren(...controls);
  if (!dialog.open) dialog.showModal();
  (body.querySelector("select, button") ?? buttons.querySelector("button:last-child")).focus();
}

const cancel = (text = "Cancel") => el("button", { type: "button", text, onclick: () => dialog.close() });

function confirming(text, work) {
  const button = el("button", { type: "button", class: "primary", text });
  button.addEventListener("click", async () => {
    button.disabled = true;
    wrong.textContent = "";
    try {
      if ((await work()) !== "stay") dialog.close();
    } catch (error) {
      wrong.textContent = error.message;
    }
    button.disabled = false;
  });
  return button;
}

// What a person is told when it is done: what follows, not that a button was pressed.
const TOLD = {
  hold: (id, howLong) => `${id} is held ${howLong}: it gets no traffic.`,
  release: (id) => `${id} is released.`,
  probe: (id) => `The next request tries ${id}. If no requests come, nothing happens: “Test” sends one now.`,
  activate: (id) => `${id} is active: requests start there, until one above it is due.`,
};

// ── one credential ──

export function offer(chain, row) {
  const where = `chains/${encodeURIComponent(chain.name)}/credentials/${encodeURIComponent(row.id)}`;
  const last = chain.credentials.filter((c) => c.id !== row.id && !["parked"].includes(c.standing)).length === 0;
  const alone = last ? " No other credential is well: requests will fail." : "";
  const choices = [
    row.held
      ? ["Release", "End the hold and let it serve again.", "release"]
      : ["Hold", `Give it no traffic, whatever happens.${alone}`, "hold"],
    !row.held && row.returns_in > 0 && ["Release", "End its park now; one request tries it.", "release"],
    !row.held && row.id !== chain.serving && ["Probe now", "Let one request try it at once; the others stay where they are.", "probe"],
    row.id !== chain.active || row.returns_in !== null || row.held
      ? ["Make active", "Start requests here from now on, and hold nothing against it. Those above it are tried again in their time.", "activate"] : null,
    ["Test", "Send it one tiny request. Traffic does not change.", "test"],
  ].filter(Boolean);
  const list = choices.map(([name, text, action]) =>
    el("button", { type: "button", class: "choice", "data-action": action, onclick: () => confirm(chain, row, where, name, text, action) },
      el("strong", { text: name }), el("small", { text })));
  open(row.id, list, [cancel("Close")]);
}

function confirm(chain, row, where, name, text, action) {
  if (action === "test") {
    open(`Test ${row.id}?`, [el("p", { text: "It gets one tiny real request, which may cost a fraction of a cent." })],
      [cancel(), confirming("Test", async () => show(await post(`${where}/test`)))]);
    return;
  }
  const content = [el("p", { text })];
  let pick = null;
  if (action === "hold") {
    pick = el("select", { id: "hold-seconds" }, ...HOLDS.map(([value, word]) => el("option", { value, text: word })));
    content.push(el("label", {}, "For how long?", pick));
  }
  open(`${name}: ${row.id}?`, content,
    [cancel(), confirming(name, async () => {
      await post(`${where}/${action}`, pick?.value ? { seconds: Number(pick.value) } : {});
      done(TOLD[action](row.id, pick && `${pick.value ? "for " : ""}${pick.selectedOptions[0].text}`));
    })]);
}

// ── a chain ──

export function testAll(chain) {
  const many = chain.credentials.length;
  const text = `${many === 1 ? "The credential gets" : `Each of the ${many} credentials gets`} one tiny real request. Traffic does not change.`;
  open(`Test all of ${chain.name}?`, [el("p", { text })],
    [cancel(), confirming("Test all", async () => show(await post(`chains/${encodeURIComponent(chain.name)}/test`)))]);
}

function show({ results }) {
  const rows = results.map((r) =>
    el("li", { class: r.ok ? "good" : "bad" }, icon(r.ok ? "ready" : "down"),
      el("div", {}, el("strong", { text: r.credential }), ` ${r.words}`,
        r.ok ? null : el("small", { text: r.remedy }), r.message ? el("small", { text: r.message }) : null),
      el("span", { class: "muted", text: seconds(r.seconds) })));
  open("What the test found", [el("ol", { class: "results" }, ...rows)], [cancel("Close")]);
  return "stay";
}

export function injectFault(chain) {
  const whom = el("select", { id: "fault-credential" },
    ...chain.credentials.filter((c) => c.simulated).map((c) => el("option", { value: c.id, text: c.id })));
  const what = el("select", { id: "fault-name" }, ...chain.faults.map((name) => el("option", { value: name, text: name })));
  open(`Inject a fault into ${chain.name}?`,
    [el("p", { text: "Its simulated provider shows the fault to every request, until you choose “healthy”." }),
      el("label", {}, "Credential", whom), el("label", {}, "Fault", what)],
    [cancel(), confirming("Inject", async () => {
      await post(`chains/${encodeURIComponent(chain.name)}/fault`, { credential: whom.value, fault: what.value });
      done(`The simulated provider of ${whom.value} is now: ${what.value}.`);
    })]);
}
