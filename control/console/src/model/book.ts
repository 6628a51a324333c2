// What the console knows, and how each envelope changes it: plain data, no framework.
//
// `take` answers with the names of what it changed, so that a page is drawn once a
// frame however many envelopes came, and only where something is new.

import type {
  Alert,
  Envelope,
  Health,
  Hello,
  SignalRow,
  Snapshot,
} from "$/wire/envelopes";
import type {
  Commands,
  CommandState,
  OrderRow,
  PositionRow,
  RiskView,
  Status,
  SymbolDetail,
  SymbolRow,
  TransitionRow,
  WhyRow,
} from "$/wire/types";

const KEPT_MAX = 300;

export interface Book {
  hello: Hello | null;
  status: Status | null;
  commands: CommandState[];
  transitions: TransitionRow[]; // oldest first
  positions: Map<string, PositionRow>;
  orders: Map<string, OrderRow>;
  symbols: Map<string, SymbolRow>;
  details: Map<string, SymbolDetail>;
  risk: RiskView | null;
  health: Health | null;
  alerts: Alert[]; // newest first, as the next two
  signals: SignalRow[];
  why: WhyRow[];
  marketMs: number; // the newest moment that the engine spoke of
}

export type Shelf = Exclude<keyof Book, "marketMs">;

export function emptyBook(): Book {
  return {
    hello: null,
    status: null,
    commands: [],
    transitions: [],
    positions: new Map(),
    orders: new Map(),
    symbols: new Map(),
    details: new Map(),
    risk: null,
    health: null,
    alerts: [],
    signals: [],
    why: [],
    marketMs: 0,
  };
}

export function take(book: Book, envelope: Envelope): Shelf | null {
  if (envelope.type === "SNAPSHOT") {
    return takeSnapshot(book, envelope.topic, envelope.data as Snapshot);
  }
  if (MARKET_TIMED.has(envelope.topic)) noteMarketTime(book, envelope.ts);
  return KINDS[envelope.type]?.(book, envelope) ?? null;
}

/** What happens on these topics is stamped with the market's time, not the wall's. */
const MARKET_TIMED = new Set(["transitions", "positions", "signals"]);

function noteMarketTime(book: Book, ms: number): void {
  book.marketMs = Math.max(book.marketMs, ms);
}

type Taker = (book: Book, envelope: Envelope) => Shelf | null;

const takePosition: Taker = (book, { data }) => {
  const row = data as PositionRow;
  book.positions.set(row.id, row);
  bound(book.positions, ({ closedAt }) => closedAt);
  return "positions";
};

const takeOrder: Taker = (book, { data }) => {
  const row = data as OrderRow;
  book.orders.set(row.id, row);
  bound(book.orders, ({ status, updatedAt }) => (isEnded(status) ? updatedAt : null));
  return "orders";
};

const KINDS: Record<string, Taker> = {
  HELLO: (book, { data }) => {
    book.hello = data as Hello;
    return "hello";
  },
  ENGINE_UPDATE: (book, { data }) => {
    book.status = data as Status;
    return "status";
  },
  COMMANDS: (book, { data }) => {
    book.commands = (data as Commands).commands;
    return "commands";
  },
  TRANSITION: (book, { ts, data }) => {
    const time = new Date(ts).toISOString();
    book.transitions = [...book.transitions, { ...(data as TransitionRow), time }].slice(-KEPT_MAX);
    return "transitions";
  },
  SYMBOL: (book, { data }) => {
    const row = data as SymbolRow;
    book.symbols.set(row.symbol, row);
    return "symbols";
  },
  SYMBOL_DETAIL: (book, { data }) => {
    const detail = data as SymbolDetail;
    book.details.set(detail.row.symbol, detail);
    return "details";
  },
  ORDER_PLACED: takeOrder,
  ORDER_UPDATED: takeOrder,
  ORDER_CANCELED: takeOrder,
  POSITION_OPEN: takePosition,
  POSITION_UPDATE: takePosition,
  POSITION_CLOSE: takePosition,
  STOP_MOVED: (book, { data }) => {
    const { position_id, new_sl } = data as { position_id: string; new_sl: number };
    const held = book.positions.get(position_id);
    if (held === undefined) return null;
    book.positions.set(position_id, { ...held, sl: new_sl });
    return "positions";
  },
  RISK: (book, { data }) => {
    book.risk = data as RiskView;
    return "risk";
  },
  HEALTH: (book, { data }) => {
    book.health = data as Health;
    return "health";
  },
  ALERT: (book, { data }) => {
    book.alerts = newest(data as Alert, book.alerts);
    return "alerts";
  },
  SIGNAL: (book, { data }) => {
    book.signals = newest(data as SignalRow, book.signals);
    return "signals";
  },
  WHY: (book, { data }) => {
    book.why = newest(data as WhyRow, book.why);
    return "why";
  },
};

function takeSnapshot(book: Book, topic: string, body: Snapshot): Shelf | null {
  const items = body.items ?? [];
  switch (topic) {
    case "engine":
      book.status = body.state as Status;
      book.commands = (body.latest?.COMMANDS as Commands | undefined)?.commands ?? book.commands;
      return "status";
    case "transitions":
      book.transitions = items as TransitionRow[];
      noteMarketTime(book, Date.parse(book.transitions.at(-1)?.time ?? "") || 0);
      return "transitions";
    case "positions":
      book.positions = byKey(items as PositionRow[], (row) => row.id);
      return "positions";
    case "orders":
      book.orders = byKey(items as OrderRow[], (row) => row.id);
      return "orders";
    case "symbols":
      book.symbols = byKey(items as SymbolRow[], (row) => row.symbol);
      return "symbols";
    case "risk":
      book.risk = body.state as RiskView;
      return "risk";
    case "health":
      book.health = body.state as Health;
      return "health";
    case "alerts":
      book.alerts = items as Alert[];
      return "alerts";
    case "why":
      book.why = items as WhyRow[];
      return "why";
    case "signals":
      book.signals = (items as SignalRow[]).filter(isSignal).toReversed();
      return "signals";
    default:
      return topic.startsWith("symbol:") ? takeSymbol(book, body) : null;
  }
}

function takeSymbol(book: Book, body: Snapshot): Shelf {
  const row = body.state as SymbolRow | null;
  if (row) book.symbols.set(row.symbol, row);
  const detail = body.latest?.SYMBOL_DETAIL as SymbolDetail | undefined;
  if (detail) book.details.set(detail.row.symbol, detail);
  return "details";
}

/** What else comes on the topic has no place in a list of signals. */
function isSignal({ correlation, symbol, side, kind }: Partial<SignalRow>): boolean {
  return [correlation, symbol, side, kind].every((field) => typeof field === "string");
}

function byKey<Row>(rows: Row[], key: (row: Row) => string): Map<string, Row> {
  return new Map(rows.map((row) => [key(row), row]));
}

function newest<Row>(row: Row, rows: Row[]): Row[] {
  return [row, ...rows].slice(0, KEPT_MAX);
}

/** Forget what ended first; what lives is always kept. A snapshot has the newest first. */
function bound<Row>(rows: Map<string, Row>, endedAt: (row: Row) => string | null): void {
  if (rows.size <= KEPT_MAX) return;
  let first: { id: string; at: string } | null = null;
  for (const [id, row] of rows) {
    const at = endedAt(row);
    if (at !== null && (first === null || at < first.at)) first = { id, at };
  }
  if (first !== null) rows.delete(first.id);
}

const ENDED = new Set(["filled", "cancelled", "refused", "absent"]);

export function isEnded(status: string): boolean {
  return ENDED.has(status);
}
