import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Envelope } from "./envelopes";
import { StreamClient, Unwelcome, type Outside } from "./stream";

class Wire {
  readyState = 1;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((closed: { code: number }) => void) | null = null;
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  say(...envelopes: Partial<Envelope>[]): void {
    const whole = envelopes.map((one) => ({ v: 1, seq: 0, ts: 0, topic: "", data: {}, ...one }));
    this.onmessage?.({ data: JSON.stringify(whole) });
  }

  said(type: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message.type === type);
  }
}

let wires: Wire[];
let taken: Envelope[];
let unwelcome: number;
let welcome: boolean;
let reachable: boolean;

function client(): StreamClient {
  const outside: Outside = {
    socket: () => {
      wires.push(new Wire());
      return wires.at(-1) as unknown as WebSocket;
    },
    ticket: async () => {
      if (!welcome) throw new Unwelcome("no");
      if (!reachable) throw new Error("no answer");
      return "once";
    },
    now: () => Date.now(),
    random: () => 0,
  };
  return new StreamClient(outside, {
    envelope: (envelope) => taken.push(envelope),
    state: () => undefined,
    unwelcome: () => (unwelcome += 1),
  });
}

const wire = (): Wire => wires.at(-1) as Wire;

async function connected(topics: string[]): Promise<StreamClient> {
  const made = client();
  made.watch(topics);
  made.start();
  await vi.advanceTimersByTimeAsync(0);
  wire().onopen?.();
  wire().say({ type: "HELLO" });
  return made;
}

const kinds = (): string[] => taken.map((envelope) => `${envelope.type} ${envelope.seq}`);

beforeEach(() => {
  vi.useFakeTimers();
  wires = [];
  taken = [];
  unwelcome = 0;
  welcome = reachable = true;
});
afterEach(() => vi.useRealTimers());

describe("signing in", () => {
  test("the ticket is the first message and never in the address", async () => {
    await connected([]);
    expect(wire().sent[0]).toEqual({ type: "auth", ticket: "once" });
  });

  test("who is not welcome any more is told so and asks no further", async () => {
    const made = await connected([]);
    welcome = false;
    wire().drop(4401);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(unwelcome).toBe(1);
    expect(wires).toHaveLength(1);
    expect(made.state.connection).toBe("idle");
  });
});

describe("topics", () => {
  test("what several pages want is asked for once and left when none does", async () => {
    const made = await connected(["orders"]);
    const leave = made.watch(["orders", "risk"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(wire().said("subscribe").map((message) => message.topics)).toEqual([["orders"], ["risk"]]);
    leave();
    await vi.advanceTimersByTimeAsync(1000);
    expect(wire().said("unsubscribe").map((message) => message.topics)).toEqual([["risk"]]);
  });

  test("a topic that the next page wants too is not left in between", async () => {
    const made = await connected([]);
    made.watch(["symbols"])();
    made.watch(["symbols"]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(wire().said("unsubscribe")).toEqual([]);
  });
});

describe("sequence numbers", () => {
  test("what comes twice is taken once", async () => {
    await connected(["orders"]);
    wire().say({ type: "SNAPSHOT", topic: "orders", seq: 5 });
    wire().say({ type: "ORDER_UPDATED", topic: "orders", seq: 6 });
    wire().say({ type: "ORDER_UPDATED", topic: "orders", seq: 6 });
    expect(kinds()).toEqual(["HELLO 0", "SNAPSHOT 5", "ORDER_UPDATED 6"]);
  });

  test("a gap is asked for again and nothing behind it is taken before it is filled", async () => {
    const made = await connected(["orders"]);
    wire().say({ type: "SNAPSHOT", topic: "orders", seq: 5 });
    wire().say({ type: "ORDER_UPDATED", topic: "orders", seq: 8 }, { type: "ORDER_UPDATED", topic: "orders", seq: 9 });
    expect(made.state.gaps).toBe(1);
    expect(wire().said("subscribe").at(-1)).toEqual({ type: "subscribe", topics: ["orders"], after: { orders: 5 } });
    wire().say(...[6, 7, 8, 9].map((seq) => ({ type: "ORDER_UPDATED", topic: "orders", seq })));
    expect(kinds().slice(1)).toEqual(["SNAPSHOT 5", ...[6, 7, 8, 9].map((seq) => `ORDER_UPDATED ${seq}`)]);
  });

  test("state topics may skip versions", async () => {
    const made = await connected(["symbols"]);
    wire().say({ type: "SNAPSHOT", topic: "symbols", seq: 5 });
    wire().say({ type: "SYMBOL", topic: "symbols", seq: 50 });
    expect(made.state.gaps).toBe(0);
    expect(kinds().at(-1)).toBe("SYMBOL 50");
  });
});

describe("a refusal", () => {
  const refused = (...topics: string[]): Partial<Envelope> => ({ type: "ERROR", data: { ok: false, code: 429, message: "wait", topics } });
  const denied = (...topics: string[]): Partial<Envelope> => ({ type: "ERROR", data: { ok: false, code: 400, message: "65 are too many", topics } });
  const pong = (): Partial<Envelope> => ({ type: "PONG", data: { id: wire().said("ping").at(-1)?.id } });
  const asked = (): unknown[] => wire().said("subscribe").map((message) => message.topics);
  const left = (): unknown[] => wire().said("unsubscribe").map((message) => message.topics);

  test("is asked again after a second, and what was refused is old until it is answered", async () => {
    const made = await connected(["orders", "risk"]);
    wire().say({ type: "SNAPSHOT", topic: "risk", seq: 7 }, refused("orders"));
    expect(made.state).toMatchObject({ connection: "live", refused: 1 });
    await vi.advanceTimersByTimeAsync(990);
    expect(asked()).toEqual([["orders", "risk"]]);
    await vi.advanceTimersByTimeAsync(10);
    expect(asked().at(-1)).toEqual(["orders"]);
    expect(made.state.refused).toBe(1);
    wire().say(refused("orders"));
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked()).toEqual([["orders", "risk"], ["orders"], ["orders"]]);
    wire().say({ type: "SNAPSHOT", topic: "orders", seq: 5 });
    expect(made.state.refused).toBe(0);
  });

  test("of a healing does not end it, and is not answered by what comes behind the gap", async () => {
    const made = await connected(["orders"]);
    const order = (seq: number): Partial<Envelope> => ({ type: "ORDER_UPDATED", topic: "orders", seq });
    wire().say({ type: "SNAPSHOT", topic: "orders", seq: 5 }, order(8), refused("orders"), order(9));
    expect(asked()).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(wire().said("subscribe")).toHaveLength(3);
    expect(wire().said("subscribe").at(-1)).toMatchObject({ topics: ["orders"], after: { orders: 5 } });
    expect(made.state).toMatchObject({ gaps: 1, refused: 1 });
    wire().say(...[6, 7, 8, 9].map(order));
    expect(kinds().at(-1)).toBe("ORDER_UPDATED 9");
  });

  test("of what goes on in silence ends with the pong behind its subscribe", async () => {
    const made = await connected(["orders"]);
    wire().say({ type: "SNAPSHOT", topic: "orders", seq: 5 });
    wire().drop();
    await vi.advanceTimersByTimeAsync(5100);
    wire().say({ type: "HELLO" }, refused("orders")); // it pings at 6000, 7500, and asks again at 6100
    await vi.advanceTimersByTimeAsync(1100);
    expect(asked()).toHaveLength(2);
    wire().say(pong());
    expect(made.state.refused).toBe(1);
    await vi.advanceTimersByTimeAsync(1400);
    wire().say(pong());
    expect(made.state.refused).toBe(0);
    wire().say(refused()); // a ping perhaps
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked()).toEqual([["orders"], ["orders"]]);
  });

  test("for good is not asked again, and stays said whatever is answered behind it", async () => {
    const made = await connected(["orders", "risk"]);
    wire().say(denied("orders"), { type: "SNAPSHOT", topic: "risk", seq: 7 });
    await vi.advanceTimersByTimeAsync(1600);
    wire().say(pong());
    expect(made.state).toMatchObject({ refused: 0, denied: "orders: 65 are too many" });
    expect(asked()).toEqual([["orders", "risk"]]);
  });

  test("for good is asked again where there is room, and ends with its answer", async () => {
    const made = await connected(["risk"]);
    const leave = made.watch(["signals"]);
    await vi.advanceTimersByTimeAsync(1);
    made.watch(["a", "b", "c", "d", "e"]);
    await vi.advanceTimersByTimeAsync(1);
    wire().say(denied("a", "b", "c", "d", "e"));
    expect(made.state.denied).toBe("a, b, c and 2 more: 65 are too many");
    leave();
    await vi.advanceTimersByTimeAsync(1000);
    expect(wire().sent.slice(-2).map((message) => message.type)).toEqual(["unsubscribe", "subscribe"]);
    expect(asked().at(-1)).toEqual(["a", "b", "c", "d", "e"]);
    expect(made.state.denied).toContain("a, b, c");
    wire().say(...["a", "b", "c", "d", "e"].map((topic) => ({ type: "SNAPSHOT", topic, seq: 1 })));
    expect(made.state.denied).toBe("");
  });

  test("for good is asked again on the next connection, and forgotten when nobody wants it", async () => {
    const made = await connected(["risk"]);
    const leave = made.watch(["signals"]);
    await vi.advanceTimersByTimeAsync(1);
    wire().say(denied("signals"));
    wire().drop();
    await vi.advanceTimersByTimeAsync(5000);
    wire().say({ type: "HELLO" });
    expect(asked()).toEqual([["risk", "signals"]]);
    wire().say(denied("signals"));
    leave();
    await vi.advanceTimersByTimeAsync(1000);
    expect(made.state.denied).toBe("");
    expect(left()).toEqual([]);
  });

  test("of a leaving is repeated, unless the topic is wanted again", async () => {
    const made = await connected(["orders"]);
    const leave = made.watch(["signals", "risk"]);
    await vi.advanceTimersByTimeAsync(1);
    leave();
    await vi.advanceTimersByTimeAsync(500);
    expect(left()).toEqual([["signals", "risk"]]);
    wire().say(refused("signals", "risk"));
    made.watch(["risk"]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(left()).toEqual([["signals", "risk"], ["signals"]]);
    expect(asked().at(-1)).toEqual(["risk"]);
    wire().say({ type: "SNAPSHOT", topic: "risk", seq: 7 });
    expect(made.state).toMatchObject({ refused: 0, denied: "" });
  });

  test("of what nobody wants any more is forgotten", async () => {
    const made = await connected([]);
    const leave = made.watch(["signals"]);
    await vi.advanceTimersByTimeAsync(1);
    wire().say(refused("signals"));
    leave();
    await vi.advanceTimersByTimeAsync(1000);
    wire().say({ type: "HEARTBEAT" });
    expect(made.state.refused).toBe(0);
    expect(asked()).toEqual([["signals"]]);
  });
});

describe("a lost connection", () => {
  test("is said at once, and the next one goes on behind what was taken", async () => {
    const made = await connected(["orders", "risk"]);
    wire().say({ type: "SNAPSHOT", topic: "orders", seq: 5 }, { type: "SNAPSHOT", topic: "risk", seq: 70 });
    wire().say({ type: "ORDER_UPDATED", topic: "orders", seq: 6 });
    wire().drop();
    expect(made.state.connection).toBe("lost");
    await vi.advanceTimersByTimeAsync(5000);
    wire().say({ type: "HELLO" });
    expect(wires).toHaveLength(2);
    expect(made.state).toMatchObject({ connection: "live", lostMs: null, attempts: 0 });
    expect(wire().said("subscribe")[0]).toEqual({ type: "subscribe", topics: ["orders", "risk"], after: { orders: 6 } });
  });

  test("is tried again ever less often, and at once when a person says so", async () => {
    const made = await connected([]);
    reachable = false;
    wire().drop();
    await vi.advanceTimersByTimeAsync(20_000);
    const attempts = made.state.attempts;
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(12);
    reachable = true;
    made.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(wires).toHaveLength(2);
  });

  test("a socket that is open but silent is given up", async () => {
    const made = await connected([]);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(wires[0]?.closed).toBe(true);
    expect(made.state.connection).not.toBe("idle");
    expect(wires.length).toBeGreaterThan(1);
  });

  test("a late word of the old socket is not heard", async () => {
    await connected(["orders"]);
    const old = wire();
    old.drop();
    old.say({ type: "ORDER_UPDATED", topic: "orders", seq: 9 });
    expect(kinds()).toEqual(["HELLO 0"]);
  });
});
