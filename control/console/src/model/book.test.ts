import { describe, expect, test } from "vitest";
import type { Envelope } from "$/wire/envelopes";
import type { OrderRow, PositionRow, SymbolRow } from "$/wire/types";
import { emptyBook, take } from "./book";

const said = (type: string, topic: string, data: unknown, ts = 0): Envelope => ({ v: 1, seq: 1, ts, type, topic, data });
const position = (id: string, closedAt: string | null = null): PositionRow => ({ id, sl: 1, closedAt }) as PositionRow;

describe("positions", () => {
  test("a snapshot replaces them, an update changes one", () => {
    const book = emptyBook();
    take(book, said("POSITION_OPEN", "positions", position("old")));
    expect(take(book, said("SNAPSHOT", "positions", { items: [position("a"), position("b")] }))).toBe("positions");
    take(book, said("POSITION_CLOSE", "positions", position("a", "2026-11-28T00:00:00.000Z")));
    expect([...book.positions.values()].map((row) => [row.id, row.closedAt])).toEqual([
      ["a", "2026-11-28T00:00:00.000Z"],
      ["b", null],
    ]);
  });

  test("a moved stop moves on the position that is held, and no other", () => {
    const book = emptyBook();
    const held = position("a");
    take(book, said("SNAPSHOT", "positions", { items: [held] }));
    expect(take(book, said("STOP_MOVED", "positions", { position_id: "a", old_sl: 1, new_sl: 2 }))).toBe("positions");
    expect(book.positions.get("a")?.sl).toBe(2);
    expect(held.sl).toBe(1);
    expect(take(book, said("STOP_MOVED", "positions", { position_id: "z", old_sl: 1, new_sl: 2 }))).toBeNull();
  });

  test("the oldest closed ones are forgotten, open ones never", () => {
    const book = emptyBook();
    take(book, said("POSITION_OPEN", "positions", position("open")));
    for (let at = 0; at < 400; at += 1) take(book, said("POSITION_CLOSE", "positions", position(`p${at}`, "x")));
    expect(book.positions.size).toBe(300);
    expect(book.positions.has("open")).toBe(true);
    expect(book.positions.has("p0")).toBe(false);
    expect(book.positions.has("p399")).toBe(true);
  });
});

describe("orders", () => {
  test("live ones are never forgotten", () => {
    const book = emptyBook();
    for (let at = 0; at < 400; at += 1) {
      const status = at === 0 ? "unknown" : "filled";
      take(book, said("ORDER_UPDATED", "orders", { id: `o${at}`, status, updatedAt: "x" } as OrderRow));
    }
    expect(book.orders.has("o0")).toBe(true);
    expect(book.orders.size).toBe(300);
  });

  test("of a snapshot, which tells the newest first, the oldest are forgotten", () => {
    const book = emptyBook();
    const order = (second: number): OrderRow =>
      ({ id: `o${second}`, status: "filled", updatedAt: new Date(second * 1000).toISOString() }) as OrderRow;
    const items = Array.from({ length: 300 }, (_, at) => order(299 - at));
    take(book, said("SNAPSHOT", "orders", { items }));
    take(book, said("ORDER_UPDATED", "orders", order(300)));
    expect([299, 300].every((second) => book.orders.has(`o${second}`))).toBe(true);
    expect(book.orders.has("o0")).toBe(false);
  });
});

describe("the engine", () => {
  test("its snapshot brings the commands, an update brings them alone", () => {
    const book = emptyBook();
    const commands = [{ name: "pause", enabled: true, reason: "" }];
    take(book, said("SNAPSHOT", "engine", { state: { state: "IDLE" }, latest: { COMMANDS: { state: "IDLE", commands } } }));
    expect(book.status?.state).toBe("IDLE");
    expect(book.commands).toEqual(commands);
    expect(take(book, said("COMMANDS", "engine", { state: "IDLE", commands: [] }))).toBe("commands");
    expect(book.commands).toEqual([]);
  });

  test("transitions keep their time and their order; market time never goes back", () => {
    const book = emptyBook();
    take(book, said("TRANSITION", "transitions", { from: "IDLE", to: "SCANNING" }, 2000));
    take(book, said("TRANSITION", "transitions", { from: "SCANNING", to: "PAUSED" }, 1000));
    expect(book.transitions.map((step) => step.time)).toEqual(["1970-01-01T00:00:02.000Z", "1970-01-01T00:00:01.000Z"]);
    expect(book.marketMs).toBe(2000);
  });
});

describe("symbols", () => {
  test("a symbol's own topic tells its row and its detail", () => {
    const book = emptyBook();
    const row = { symbol: "BTC/USDT", phase: "SCANNING" } as SymbolRow;
    const detail = { row, levels: [] };
    take(book, said("SNAPSHOT", "symbol:BTC/USDT", { state: row, latest: { SYMBOL_DETAIL: detail } }));
    expect(book.symbols.get("BTC/USDT")).toEqual(row);
    expect(book.details.get("BTC/USDT")).toEqual(detail);
  });
});

test("what is no signal is not listed among the signals", () => {
  const book = emptyBook();
  const signal = { correlation: "c-1", symbol: "BTC/USDT", side: "long", kind: "breakout_retest" };
  const { kind: _, ...without } = signal;
  take(book, said("SNAPSHOT", "signals", { items: [{ symbols: 40, best: [] }, signal, without] }));
  expect(book.signals).toEqual([signal]);
});

test("what is not known changes nothing", () => {
  const book = emptyBook();
  expect(take(book, said("LATER_VERSION", "engine", {}))).toBeNull();
  expect(take(book, said("SNAPSHOT", "later", { items: [] }))).toBeNull();
  expect(book).toEqual(emptyBook());
});

test("alerts come newest first and are bounded", () => {
  const book = emptyBook();
  for (let at = 0; at < 400; at += 1) take(book, said("ALERT", "alerts", { message: String(at) }));
  expect(book.alerts).toHaveLength(300);
  expect(book.alerts[0]?.message).toBe("399");
});
