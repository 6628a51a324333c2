// What the stream carries, and the shapes that several answers share.

import type { AlertRow, Distribution, ResourceHealth, SignalShown, StateMachine } from "./types";

export type { Group, Hello, Phase, Role, Snapshot, Summary } from "./types";
export type { EquityPoint, PeriodRow, PresetProblem, PresetRow, PresetShown, TokenRow } from "./types";
export type Alert = AlertRow;
export type Health = ResourceHealth;
export type SignalRow = SignalShown;
export type Spread = Distribution;
export type StateTable = StateMachine;

export interface Envelope {
  v: number;
  seq: number;
  ts: number;
  type: string;
  topic: string;
  data: unknown;
}

/** On these topics a sequence number rises by exactly one: a gap is a loss. */
export const EVENT_TOPICS: ReadonlySet<string> = new Set([
  "transitions",
  "orders",
  "positions",
  "signals",
  "why",
  "alerts",
]);

/** A list, whole or a part of it; `cursor` asks for the next part. */
export interface Page<Row> {
  items: Row[];
  cursor?: string | null;
}
