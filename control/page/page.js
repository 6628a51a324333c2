// The live page: signs in, follows the stream, draws at most once a frame.
// Everything from the engine is set as text, never as markup.

const at = (id) => document.getElementById(id);
const engine = { status: {}, symbols: new Map(), positions: new Map(), transitions: [], commands: [], role: "viewer" };
let socket = null;
let heard = 0;
let patience = 500;
let drawing = false;
let serial = 0;

// --- HTTP ---------------------------------------------------------------------

async function ask(method, path, body) {
  const headers = { "X-Breakout": "1" };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.message), { status: answer.status });
  return said;
}

function show(signedIn) {
  at("door").hidden = signedIn;
  at("live").hidden = !signedIn;
  at("leave").hidden = !signedIn;
  if (!signedIn) at("token").focus();
}

async function signIn(secret) {
  try {
    engine.role = (await ask("POST", "/api/session", secret)).role;
    at("token").value = "";
    at("door-error").textContent = "";
    show(true);
    follow();
  } catch (error) {
    at("door-error").textContent = error.message;
    show(false);
  }
}

// --- the stream -----------------------------------------------------------------

async function follow() {
  let ticket;
  try {
    ({ ticket } = await ask("POST", "/api/session/ticket"));
  } catch (error) {
    if (error.status === 401) return show(false);
    return later();
  }
  socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "auth", ticket }));
  socket.onmessage = (message) => {
    heard = Date.now();
    patience = 500;
    for (const envelope of JSON.parse(message.data)) take(envelope);
    draw();
  };
  socket.onclose = (closed) => {
    socket = null;
    if (closed.code !== 4401) return later();
    ask("GET", "/api/session").then(later, () => show(false));
  };
}

function later() {
  setTimeout(follow, patience * (0.5 + Math.random() / 2));
  patience = Math.min(patience * 2, 10000);
}

function say(message) {
  socket?.send(JSON.stringify(message));
}

const takers = {
  HELLO({ data }) {
    engine.role = data.role;
    say({ type: "subscribe", topics: ["engine", "transitions", "positions", "symbols"] });
  },
  SNAPSHOT({ topic, data }) {
    if (topic === "engine") engine.status = data.state;
    if (topic === "transitions") engine.transitions = data.items.slice(-30);
    if (topic === "positions") engine.positions = new Map(data.items.map((row) => [row.id, row]));
    if (topic === "symbols") engine.symbols = new Map(data.items.map((row) => [row.symbol, row]));
    if (topic === "engine") learnCommands();
  },
  ENGINE_UPDATE({ data }) {
    const moved = data.state !== engine.status.state;
    engine.status = data;
    if (moved) learnCommands();
  },
  TRANSITION({ ts, data }) {
    engine.transitions = [...engine.transitions, { ...data, time: new Date(ts).toISOString() }].slice(-30);
  },
  SYMBOL({ data }) {
    engine.symbols.set(data.symbol, data);
  },
  STOP_MOVED({ data }) {
    const held = engine.positions.get(data.position_id);
    if (held) held.sl = data.new_sl;
  },
  COMMAND({ data }) {
    at("answer").textContent = data.message;
    at("answer").className = data.ok ? "good" : "bad";
    learnCommands();
  },
  ERROR({ data }) {
    at("answer").textContent = data.message;
    at("answer").className = "bad";
  },
};

function take(envelope) {
  if (envelope.type === "POSITION_CLOSE") engine.positions.delete(envelope.data.id);
  else if (envelope.type.startsWith("POSITION_")) engine.positions.set(envelope.data.id, envelope.data);
  else takers[envelope.type]?.(envelope);
}

async function learnCommands() {
  try {
    engine.commands = (await ask("GET", "/api/engine/commands")).commands;
  } catch {
    engine.commands = [];
  }
  draw();
}

// --- drawing --------------------------------------------------------------------

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    paint();
  });
}

const number = (value, digits = 2) => (value == null ? "–" : Number(value).toFixed(digits));
const price = (value) => (value == null ? "–" : Number(value).toPrecision(6).replace(/\.?0+$/, ""));

function fill(table, rows) {
  while (table.rows.length > rows.length) table.deleteRow(-1);
  rows.forEach((cells, at) => {
    const row = table.rows[at] ?? table.insertRow();
    cells.forEach((text, place) => {
      const cell = row.cells[place] ?? row.insertCell();
      if (cell.textContent !== String(text)) cell.textContent = text;
    });
  });
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function paintFigures({ preset, mode, openPositions, slots, dailyR, consecutiveLosses, latencyMs }) {
  const figures = [
    ["Preset", preset ?? "–"], ["Mode", mode ?? "–"], ["Open positions", openPositions ?? "–"],
    ["Free slots", slots ?? "–"], ["Day, R", number(dailyR)],
    ["Losses in a row", consecutiveLosses ?? "–"], ["Latency, ms", number(latencyMs)],
  ];
  at("figures").replaceChildren(...figures.map(([name, value]) => {
    const figure = document.createElement("div");
    figure.append(element("dt", name), element("dd", value));
    return figure;
  }));
}

function paintCommands() {
  const allowed = new Map(engine.commands.map((command) => [command.name, command]));
  for (const button of document.querySelectorAll("[data-command]")) {
    const command = allowed.get(button.dataset.command);
    button.disabled = !socket || !command?.enabled || engine.role === "viewer";
    button.title = engine.role === "viewer" ? "a viewer may only look" : (command?.reason ?? "");
  }
}

function paint() {
  at("state").textContent = engine.status.state ?? "connecting";
  paintFigures(engine.status);
  paintCommands();
  at("transitions").replaceChildren(...engine.transitions.toReversed().map((step) => {
    const line = document.createElement("li");
    const cause = [step.symbol, step.reason].filter(Boolean).join(" · ");
    line.append(element("time", step.time.slice(11, 19)), `${step.from} → ${step.to} `);
    const why = element("span", cause);
    why.className = "quiet";
    line.append(why);
    return line;
  }));
  const open = [...engine.positions.values()].filter((row) => row.closedAt == null);
  fill(at("positions"), open.map((row) => [
    row.symbol, row.side, price(row.size), price(row.entry),
    `${price(row.sl)}${row.stopConfirmed ? "" : " (unconfirmed)"}`, number(row.unrealizedPnlR),
  ]));
  at("count").textContent = engine.symbols.size;
  fill(at("symbols"), [...engine.symbols.values()].map((row) => [
    row.symbol, row.quarantineReason ? `${row.phase}: ${row.quarantineReason}` : row.phase,
    price(row.lastPrice), number(row.score), number(row.nearestLevelAtr),
    row.feedAgeMs == null ? "–" : `${row.feedAgeMs} ms`, row.restarts, row.lastDecision ?? "–",
  ]));
}

setInterval(() => {
  const seconds = Math.round((Date.now() - heard) / 1000);
  const stale = heard > 0 && (!socket || seconds > 8);
  at("live").classList.toggle("stale", stale);
  at("age").textContent = stale ? `no word from the engine for ${seconds} s` : "";
  if (stale) paintCommands();
}, 1000);

// --- the person -----------------------------------------------------------------

at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn({ token: at("token").value });
});
at("leave").addEventListener("click", async () => {
  await ask("DELETE", "/api/session").catch(() => {});
  location.reload();
});
at("commands").addEventListener("click", (event) => {
  const command = event.target.dataset.command;
  if (!command) return;
  const args = command === "start" ? { preset: at("preset").value } : {};
  serial += 1;
  say({ type: "command", id: `page-${serial}`, command, args });
});

const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
if (ticket) {
  history.replaceState(null, "", location.pathname); // a used secret leaves the address bar
  signIn({ ticket });
} else {
  ask("GET", "/api/session").then(
    () => { show(true); follow(); },
    () => show(false),
  );
}
