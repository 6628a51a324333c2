// What the stream carries, and what REST answers beside the plain rows.

import type { CommandState, HealthLight, Phase } from "./types";

export type { Phase };
export type Role = "viewer" | "operator" | "admin";

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

export interface Hello {
  id: string;
  role: Role;
  state: Phase;
  topics: string[];
  heartbeatSeconds: number;
}

export interface Snapshot {
  items?: unknown[];
  state?: unknown;
  latest?: Record<string, unknown>;
  resync?: boolean;
}

export interface Alert {
  tsMs: number;
  category: string;
  severity: string;
  component: string;
  symbol: string | null;
  message: string;
  action: string;
}

export interface SignalRow {
  correlation: string;
  symbol: string;
  tsMs: number;
  side: string;
  kind: string;
  entry: number;
  stop: number;
  targets: [number, number][];
  level: number | null;
  confidence: number;
  score: number;
}

export interface Commands {
  state: Phase;
  commands: CommandState[];
}

export interface Health {
  lights?: HealthLight[];
  [figure: string]: unknown;
}

export interface Page<Row> {
  items: Row[];
  cursor?: string | null;
}

export interface StateTable {
  state: Phase;
  table: Record<Phase, Phase[]>;
}

export interface Counted {
  n: number;
  wins: number;
  losses: number;
  scratches: number;
  winRate: number | null;
  winRateLow: number | null;
  winRateHigh: number | null;
  meanR: number | null;
  meanRLow: number | null;
  meanRHigh: number | null;
  medianR: number | null;
  sumR: number;
  pnlUsd: number;
  meanMaeR: number | null;
  meanMfeR: number | null;
}

export interface Summary extends Counted {
  feesUsd: number;
  profitFactor: number | null;
  expectancyUsd: number | null;
  maxDrawdownUsd: number | null;
  maxDrawdownR: number | null;
  maxDrawdownPercent: number | null;
  captureRatio: number | null;
  averageHoldMinutes: number | null;
  longestLosingStreak: number;
}

export interface Group extends Counted {
  key: string;
}

export interface EquityPoint {
  timeMs: number;
  equityUsd: number;
  drawdownUsd: number;
  drawdownPercent: number;
}

export interface Spread {
  items: { fromR: number; toR: number; count: number }[];
  n: number;
  meanR: number | null;
  low: number | null;
  high: number | null;
}

export interface PeriodRow {
  period: string;
  n: number;
  pnlUsd: number;
  pnlR: number;
  wins: number;
}

export interface PresetLine {
  name: string;
  description: string;
  version: number | null;
  origin: "shipped" | "own";
  runningNow: boolean;
}

export interface PresetWhole {
  name: string;
  version: number | null;
  origin: "shipped" | "own";
  preset: Record<string, unknown>;
  versions: number[];
}

export interface Problem {
  path: string;
  message: string;
}

export interface TokenRow {
  id: string;
  role: Role;
  createdMs: number;
  expiresMs: number | null;
  lastUsedMs: number | null;
}
