import { describe, expect, test } from "vitest";
import { allOffers, commandNamed, whyNot } from "$/model/commands";
import { symbolOffers } from "$/model/symbols";
import type { SymbolRow } from "$/wire/types";
import { countsText } from "./budget";
import { passes } from "./symbolColumns";
import { sorted, turned, type Column } from "./table";

const row = (changes: Partial<SymbolRow>): SymbolRow =>
  ({ symbol: "BTC/USDT", phase: "SCANNING", lastDecision: null, quarantineReason: null, pausedBy: null, ...changes }) as SymbolRow;

describe("tables", () => {
  const columns: Column<{ n: number | null }>[] = [{ key: "n", label: "n", sort: (one) => one.n }];
  const rows = [{ n: 2 }, { n: null }, { n: 1 }];

  test("UNKNOWN is last whichever way round", () => {
    expect(sorted(rows, columns, { key: "n", down: false }).map((one) => one.n)).toEqual([1, 2, null]);
    expect(sorted(rows, columns, { key: "n", down: true }).map((one) => one.n)).toEqual([2, 1, null]);
  });

  test("a second press turns the order round", () => {
    expect(turned(null, "n", true)).toEqual({ key: "n", down: true });
    expect(turned({ key: "n", down: true }, "n", true)).toEqual({ key: "n", down: false });
  });
});

test("a filter finds a symbol by its name, phase, decision or quarantine", () => {
  expect(passes(row({}), "btc", "")).toBe(true);
  expect(passes(row({}), "eth", "")).toBe(false);
  expect(passes(row({ quarantineReason: "ValueError in on_bar" }), "valueerror", "")).toBe(true);
  expect(passes(row({}), "", "PAUSED")).toBe(false);
});

test("counts are told largest first, and what did not happen is left out", () => {
  expect(countsText({ network: 1, clock: 0, banned: 3 })).toBe("3 × banned, 1 × network");
  expect(countsText({ scan: 0 })).toBe("");
});

describe("commands", () => {
  test("every one that makes the engine do less in one stroke asks for a typed word", () => {
    const asking = (mode: string): string[] =>
      allOffers("any", mode).filter((offer) => offer.question !== undefined).map((offer) => offer.command);
    const less = ["stop", "time_stop", "flatten", "panic_exit", "kill_switch", "reset"];
    expect(asking("paper")).toEqual(less);
    expect(asking("live")).toEqual(["start", ...less]); // real money
  });

  test("a command that is off says why; a lost connection is the first reason", () => {
    const off = { name: "resume", enabled: false, reason: "it is not paused" };
    expect(whyNot(commandNamed([off], "resume"), false)).toBe("it is not paused");
    expect(whyNot({ ...off, enabled: true }, true)).toContain("connection");
    expect(whyNot(commandNamed([], "resume"), false)).not.toBe("");
  });
});

test("a symbol is offered what it can do", () => {
  const can = (one: SymbolRow): string[] => symbolOffers(one, false).filter((offer) => offer.reason === "").map((offer) => offer.name);
  expect(can(row({}))).toEqual(["pause", "restart"]);
  expect(can(row({ pausedBy: "me" }))).toEqual(["resume", "restart"]);
  expect(can(row({ phase: "QUARANTINED" }))).toEqual(["pause", "release"]);
  const release = symbolOffers(row({ phase: "QUARANTINED" }), false).at(-1);
  expect(release?.question?.word).toBe("BTC/USDT");
  expect(release?.request.path).toBe("/api/symbols/BTC%2FUSDT/release");
});
