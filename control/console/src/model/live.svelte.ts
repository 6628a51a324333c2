// The stream as pages see it: shelves that change at most once a frame.

import { ask, Refusal } from "$/wire/http";
import { StreamClient, Unwelcome, type StreamState } from "$/wire/stream";
import type { Envelope } from "$/wire/envelopes";
import { emptyBook, take, type Book, type Shelf } from "./book";

const QUIET_MS_MAX = 3_500; // two pings and a little: older data is shown as old
const TICK_MS = 500;

class Live {
  hello = $state.raw<Book["hello"]>(null);
  status = $state.raw<Book["status"]>(null);
  commands = $state.raw<Book["commands"]>([]);
  transitions = $state.raw<Book["transitions"]>([]);
  positions = $state.raw<Book["positions"]>(new Map());
  orders = $state.raw<Book["orders"]>(new Map());
  symbols = $state.raw<Book["symbols"]>(new Map());
  details = $state.raw<Book["details"]>(new Map());
  risk = $state.raw<Book["risk"]>(null);
  health = $state.raw<Book["health"]>(null);
  alerts = $state.raw<Book["alerts"]>([]);
  signals = $state.raw<Book["signals"]>([]);
  why = $state.raw<Book["why"]>([]);
  marketMs = $state(0);
  stream = $state.raw<StreamState>({
    connection: "idle",
    heardMs: 0,
    lostMs: null,
    attempts: 0,
    gaps: 0,
    resyncs: 0,
    refused: 0,
    denied: "",
  });
  nowMs = $state(Date.now());

  private book = emptyBook();
  private readonly changed = new Set<Shelf>();
  private drawing = false;
  private onUnwelcome: () => void = () => {};
  private readonly client = new StreamClient(
    {
      socket: () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`),
      ticket: takeTicket,
      now: Date.now,
      random: Math.random,
    },
    {
      envelope: (envelope) => this.hear(envelope),
      state: (state) => this.turn(state),
      unwelcome: () => this.onUnwelcome(),
    },
  );

  constructor() {
    setInterval(() => (this.nowMs = Date.now()), TICK_MS);
    document.addEventListener("visibilitychange", () => this.drawSoon());
    addEventListener("online", () => this.client.hurry());
  }

  /** How long nothing came; null before the first word. */
  readonly quietMs = $derived(
    this.stream.heardMs === 0 ? null : Math.max(0, this.nowMs - this.stream.heardMs),
  );
  readonly stale = $derived(
    this.stream.heardMs !== 0 &&
      (this.stream.connection !== "live" || (this.quietMs ?? 0) > QUIET_MS_MAX),
  );

  /** Whether all that is shown is as new as the engine's word. */
  readonly fresh = $derived(!this.stale && this.stream.refused === 0 && !this.stream.denied);

  start(onUnwelcome: () => void): void {
    this.onUnwelcome = onUnwelcome;
    this.client.start();
  }

  stop(): void {
    this.client.stop();
    this.book = emptyBook();
    for (const shelf of Object.keys(this.book) as (keyof Book)[]) {
      if (shelf !== "marketMs") this.changed.add(shelf);
    }
    this.draw();
  }

  watch(topics: readonly string[]): () => void {
    return this.client.watch(topics);
  }

  hurry(): void {
    this.client.hurry();
  }

  private hear(envelope: Envelope): void {
    const shelf = take(this.book, envelope);
    if (shelf === null) return;
    this.changed.add(shelf);
    if (envelope.type === "SNAPSHOT" && shelf === "status") this.changed.add("commands");
    if (envelope.type === "SNAPSHOT" && shelf === "details") this.changed.add("symbols");
    this.drawSoon();
  }

  /** A hidden page has no frames: it is drawn when it is looked at again. */
  private drawSoon(): void {
    if (this.drawing || document.hidden || this.changed.size === 0) return;
    this.drawing = true;
    requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.drawing = false;
    for (const shelf of this.changed) this.show(shelf);
    this.changed.clear();
    this.marketMs = this.book.marketMs;
  }

  /** Maps are copied: a page compares shelves by identity. */
  private show<Name extends Shelf>(shelf: Name): void {
    const value: unknown = this.book[shelf];
    (this as Book)[shelf] = (value instanceof Map ? new Map(value) : value) as Book[Name];
  }

  private turn(state: StreamState): void {
    const before = this.stream;
    const same =
      before.connection === state.connection &&
      before.attempts === state.attempts &&
      before.gaps === state.gaps &&
      before.resyncs === state.resyncs &&
      before.refused === state.refused &&
      before.denied === state.denied &&
      state.heardMs - before.heardMs < TICK_MS;
    if (!same) this.stream = { ...state };
  }
}

async function takeTicket(): Promise<string> {
  try {
    return (await ask<{ ticket: string }>("POST", "/api/session/ticket")).body.ticket;
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) throw new Unwelcome(error.message);
    throw error;
  }
}

export const live = new Live();

/** In a component: follow topics for as long as it is shown. */
export function follow(topics: () => readonly string[]): void {
  $effect(() => live.watch(topics()));
}
