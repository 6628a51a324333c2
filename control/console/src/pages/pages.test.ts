// Pages as they are drawn once, on what the engine may answer.

import { render } from "svelte/server";
import type { Component } from "svelte";
import { beforeEach, expect, test, vi } from "vitest";

const told = vi.hoisted(() => ({
  answers: {} as Record<string, unknown[]>,
  live: { risk: null as unknown, stale: false, fresh: true, stream: { connection: "live", heardMs: 1, denied: "" }, commands: [], status: null, marketMs: 0 },
}));
vi.mock("$/model/live.svelte", () => ({ live: told.live, follow: () => undefined }));
vi.mock("$/model/session.svelte", () => ({ session: { operates: true } }));
vi.mock("$/model/prefs.svelte", () => ({ prefs: { preset: "sound" } }));
vi.mock("$/model/router.svelte", () => ({ router: { place: { name: "", query: new URLSearchParams() } }, symbolPath: String }));
vi.mock("$/model/resource.svelte", () => ({
  resource: (path: () => string) => ({ value: { items: told.answers[path()] ?? [] }, problem: "", missing: false, readMs: 1 }),
}));

async function drawn(module: Promise<{ default: Component }>): Promise<string> {
  return render((await module).default).body.replaceAll(/<!--.*?-->/g, "");
}

beforeEach(() => {
  told.answers = {};
  told.live.risk = null;
  told.live.fresh = true;
  told.live.stream.denied = "";
});

test.each([
  [{ settled: true }, "showed none"],
  [{ settled: false }, "Not compared yet"],
  [null, "Not known yet"],
])("that nothing differs is claimed only when it was compared: %j", async (risk, words) => {
  told.live.risk = risk;
  const page = await drawn(import("./Reconcile.svelte"));
  expect(page).toContain(words);
  expect(page).not.toContain("as of");
  expect(page.includes("No difference")).toBe(risk?.settled === true);
});

const PRESETS = [
  { name: "sound", description: "Trades.", version: 1, origin: "shipped", runningNow: false, problem: null },
  { name: "damaged", description: "", version: 2, origin: "own", runningNow: false, problem: "risk is missing" },
];

test("a damaged preset says what is wrong with it", async () => {
  told.answers["/api/presets"] = PRESETS;
  const [, sound, damaged] = (await drawn(import("./Presets.svelte"))).split(/<tr(?=[ >])/).slice(1);
  expect(damaged).toContain("risk is missing");
  expect(damaged).toContain("cannot be used");
  expect(sound).not.toContain("cannot be used");
  expect(sound).toContain("shipped");
});

test("a damaged preset is not offered for the next start", async () => {
  told.answers["/api/presets"] = PRESETS;
  const page = await drawn(import("$/parts/CommandList.svelte"));
  expect(page).toMatch(/<option[^>]*value="damaged"[^>]*disabled/);
  expect(page).not.toMatch(/<option[^>]*value="sound"[^>]*disabled/);
});

test("what is old on a live connection is said to be old", async () => {
  const Connection = import("$/parts/Connection.svelte");
  expect(await drawn(Connection)).not.toContain("old");
  told.live.fresh = false;
  expect(await drawn(Connection)).toContain("The engine was asked too often");
  told.live.stream.denied = "orders: 65 topics are too many";
  expect(await drawn(Connection)).toMatch(/is not live.*orders: 65 topics are too many/);
});
