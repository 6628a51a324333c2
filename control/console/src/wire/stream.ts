// The stream client: signs in, follows topics, sees gaps, and comes back by itself.
//
// It keeps one cursor a topic. After a lost connection it subscribes with `after`, so
// that each event topic goes on behind the last envelope that was taken; when the
// engine no longer has those it sends a snapshot instead. A gap in an event topic on a
// live connection is healed the same way. What comes twice is dropped.
//
// The engine judges in the order in which it was asked, so a PONG answers each
// `subscribe` before its ping that was not refused (`refusals`): one that goes on behind
// a cursor is answered by nothing else.

import { EVENT_TOPICS, type Envelope } from "./envelopes";
import { Refusals } from "./refusals";
import type { Fault, Pong } from "./types";

export type Connection = "idle" | "connecting" | "live" | "lost";

export interface StreamState {
  connection: Connection;
  heardMs: number; // when anything came last; 0: nothing yet
  lostMs: number | null; // since when the connection is gone
  attempts: number;
  gaps: number;
  resyncs: number;
  refused: number; // topics that are asked for again, and are not answered since
  denied: string; // topics that the engine does not give, and why; "": none
}

/** What the client needs of the world; tests bring their own. */
export interface Outside {
  socket(): WebSocket;
  ticket(): Promise<string>; // throws Unwelcome when nobody is signed in
  now(): number;
  random(): number;
}

export class Unwelcome extends Error {}

export interface Listener {
  envelope(envelope: Envelope): void;
  state(state: StreamState): void;
  unwelcome(): void; // the session ended: sign in again
}

const PATIENCE_MS_MIN = 500;
const PATIENCE_MS_MAX = 10_000;
const PING_MS = 1_500;
const SILENCE_MS_MAX = 10_000;
const LEAVE_MS = 400; // a topic that the next page wants too is not left in between
const AGAIN_MS = 1_000; // after a refusal

export class StreamClient {
  readonly state: StreamState = {
    connection: "idle",
    heardMs: 0,
    lostMs: null,
    attempts: 0,
    gaps: 0,
    resyncs: 0,
    refused: 0,
    denied: "",
  };
  private socket: WebSocket | null = null;
  private readonly cursors = new Map<string, number>();
  private readonly healing = new Set<string>();
  private readonly wanted = new Map<string, number>(); // topic -> how many want it
  private readonly followed = new Set<string>();
  private readonly asked = new Map<string, number>(); // topic -> the ping behind its subscribe
  private refusals = new Refusals();
  private pings = 0;
  private patienceMs = PATIENCE_MS_MIN;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private settle: ReturnType<typeof setTimeout> | undefined;
  private pulse: ReturnType<typeof setInterval> | undefined;
  private generation = 0;

  constructor(
    private readonly outside: Outside,
    private readonly listener: Listener,
  ) {}

  start(): void {
    if (this.state.connection !== "idle") return;
    this.pulse = setInterval(() => this.beat(), PING_MS);
    void this.connect();
  }

  stop(): void {
    this.generation += 1;
    clearTimeout(this.retry);
    clearTimeout(this.settle);
    clearInterval(this.pulse);
    this.socket?.close();
    this.socket = null;
    this.cursors.clear();
    this.followed.clear();
    this.asked.clear();
    this.refusals = new Refusals();
    this.tell({ connection: "idle", heardMs: 0, lostMs: null, attempts: 0, refused: 0, denied: "" });
  }

  /** Try now instead of at the end of the wait. */
  hurry(): void {
    if (this.state.connection !== "lost") return;
    clearTimeout(this.retry);
    void this.connect();
  }

  /** Follow topics until the returned function is called. */
  watch(topics: readonly string[]): () => void {
    for (const topic of topics) this.wanted.set(topic, (this.wanted.get(topic) ?? 0) + 1);
    this.settleSoon(0);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      for (const topic of topics) this.wanted.set(topic, (this.wanted.get(topic) ?? 1) - 1);
      this.settleSoon(LEAVE_MS);
    };
  }

  // --- the connection -------------------------------------------------------------

  private async connect(): Promise<void> {
    const generation = ++this.generation;
    this.tell({ connection: this.state.lostMs === null ? "connecting" : "lost" });
    let ticket: string;
    try {
      ticket = await this.outside.ticket();
    } catch (error) {
      if (generation !== this.generation) return;
      if (error instanceof Unwelcome) return this.turnAway();
      return this.later();
    }
    if (generation !== this.generation) return;
    const socket = this.outside.socket();
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", ticket }));
    socket.onmessage = (message) => this.hear(socket, String(message.data));
    socket.onclose = () => this.lose(socket);
  }

  /** Whatever the close code, the next ticket tells whether one is still welcome. */
  private lose(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.socket = null;
    this.followed.clear();
    this.healing.clear();
    this.asked.clear();
    this.later();
  }

  private later(): void {
    const waitMs = this.patienceMs * (0.5 + this.outside.random() / 2);
    this.patienceMs = Math.min(this.patienceMs * 2, PATIENCE_MS_MAX);
    this.tell({
      connection: "lost",
      lostMs: this.state.lostMs ?? this.outside.now(),
      attempts: this.state.attempts + 1,
    });
    this.retry = setTimeout(() => void this.connect(), waitMs);
  }

  private turnAway(): void {
    this.stop();
    this.listener.unwelcome();
  }

  private beat(): void {
    if (this.socket === null || this.state.connection !== "live") return;
    if (this.outside.now() - this.state.heardMs > SILENCE_MS_MAX) {
      const silent = this.socket;
      this.lose(silent); // a close handshake could wait as long as the silence
      silent.close();
      return;
    }
    this.say({ type: "ping", id: (this.pings += 1) });
  }

  // --- what comes -----------------------------------------------------------------

  private hear(socket: WebSocket, text: string): void {
    if (socket !== this.socket) return;
    this.state.heardMs = this.outside.now();
    for (const envelope of JSON.parse(text) as Envelope[]) {
      if (envelope.type === "HELLO") this.welcome();
      if (envelope.type === "PONG") this.judged(Number((envelope.data as Pong).id));
      if (envelope.type === "ERROR") this.refuse(envelope.data as Fault);
      if (this.isNews(envelope)) this.listener.envelope(envelope);
    }
    this.tellMissing();
  }

  private welcome(): void {
    this.patienceMs = PATIENCE_MS_MIN;
    this.tell({ connection: "live", lostMs: null, attempts: 0 });
    this.settleNow(true);
  }

  /** Move the topic's cursor; false for what was had before or must come again. */
  private isNews({ type, topic, seq }: Envelope): boolean {
    if (topic === "" || type === "RESYNC") return true;
    const cursor = this.cursors.get(topic);
    if (type === "SNAPSHOT") {
      if (cursor !== undefined && EVENT_TOPICS.has(topic)) this.state.resyncs += 1;
      this.cursors.set(topic, seq);
      this.healing.delete(topic);
      this.answered(topic);
      return true;
    }
    if (!EVENT_TOPICS.has(topic) || cursor === undefined) {
      this.cursors.set(topic, seq);
      return true;
    }
    if (seq <= cursor) return false;
    if (seq > cursor + 1) return this.heal(topic, cursor);
    this.cursors.set(topic, seq);
    this.healing.delete(topic);
    return true;
  }

  private heal(topic: string, cursor: number): false {
    if (!this.healing.has(topic)) {
      this.state.gaps += 1;
      this.healing.add(topic);
      this.subscribe([topic], { [topic]: cursor });
    }
    return false;
  }

  private answered(topic: string): void {
    this.asked.delete(topic);
    this.refusals.forget(topic);
  }

  private judged(ping: number): void {
    for (const [topic, behind] of this.asked) if (behind <= ping) this.answered(topic);
  }

  private refuse(fault: Fault): void {
    for (const topic of fault.topics) {
      this.asked.delete(topic);
      this.followed.delete(topic);
      if (this.refusals.take(topic, this.wants(topic), fault)) this.settleSoon(AGAIN_MS);
    }
  }

  private tellMissing(): void {
    this.tell({ refused: this.refusals.hasty.size, denied: this.refusals.sentence() });
  }

  // --- topics ---------------------------------------------------------------------

  private settleSoon(waitMs: number): void {
    clearTimeout(this.settle);
    this.settle = setTimeout(() => this.settleNow(), waitMs);
  }

  private wants(topic: string): boolean {
    return (this.wanted.get(topic) ?? 0) > 0;
  }

  /** Leave first: there is an end to what is followed too. `room`: of denied ones too. */
  private settleNow(room = false): void {
    if (this.state.connection !== "live") return;
    const { hasty, stuck, denied } = this.refusals;
    const held = new Set([...this.followed, ...hasty, ...stuck]);
    const over = [...held].filter((topic) => !this.wants(topic));
    const given = [...denied.keys()].filter((topic) => !this.wants(topic));
    const again = room || over.length + given.length > 0;
    if (over.length > 0) this.say({ type: "unsubscribe", topics: over });
    for (const topic of [...over, ...given]) {
      this.followed.delete(topic);
      this.cursors.delete(topic);
      this.answered(topic); // nobody waits for it
    }
    const fresh = [...this.wanted.keys()].filter(
      (topic) => this.wants(topic) && !this.followed.has(topic) && (again || !denied.has(topic)),
    );
    if (fresh.length > 0) this.follow(fresh);
    this.tellMissing();
  }

  private follow(topics: string[]): void {
    const after: Record<string, number> = {};
    for (const topic of topics) {
      const cursor = this.cursors.get(topic);
      if (cursor !== undefined && EVENT_TOPICS.has(topic)) after[topic] = cursor;
      this.followed.add(topic);
    }
    this.subscribe(topics, after);
  }

  private subscribe(topics: string[], after: Record<string, number>): void {
    for (const topic of topics) this.asked.set(topic, this.pings + 1);
    this.say({ type: "subscribe", topics, after });
  }

  private say(message: unknown): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private tell(change: Partial<StreamState>): void {
    Object.assign(this.state, change);
    this.listener.state(this.state);
  }
}
