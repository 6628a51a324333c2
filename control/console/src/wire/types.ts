// What the engine says, as the API documents have it. Written by
// `python -m control.console.wiretypes`; a test keeps it equal to them.

export interface ActorRow {
  name: string;
  parent: string;
  state: string;
  restarts: number;
  depth: number;
  capacity: number;
  messages: number;
  lastError: string | null;
}

export interface AuditRow {
  seq: number;
  timeMs: number;
  who: string;
  what: string;
  before: string;
  after: string;
  result: string;
}

export interface Candle {
  timeMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

export interface CommandState {
  name: string;
  enabled: boolean;
  reason: string;
}

export interface DayRow {
  day: string;
  equityAtStartUsd: number;
  equityUsd: number;
  equityHighUsd: number;
  killBaselineUsd: number;
  cashUsd: number;
  realizedR: number;
  consecutiveLosses: number;
}

export interface DecisionRow {
  seq: number;
  timeMs: number;
  symbol: string;
  correlation: string;
  stage: string;
  reason: string;
  value: string;
  threshold: string;
  afterwardsR?: number | null;
}

export interface DepthLevel {
  price: number;
  quantity: number;
}

export interface DepthView {
  symbol: string;
  timeMs: number;
  modelled: boolean;
  bids: DepthLevel[];
  asks: DepthLevel[];
  spreadBps: number | null;
}

export type DifferenceKind = "balance" | "fills_missing" | "foreign_order" | "position";

export interface DifferenceRow {
  id: string;
  kind: DifferenceKind;
  symbol: string;
  subject: string;
  ours: string;
  theirs: string;
  firstMs: number;
  seen: number;
  policy: Policy;
  would: Record<string, string>;
}

export interface DropRow {
  stage: string;
  reason: string;
  count: number;
  symbol: string;
  value: string;
  threshold: string;
  timeMs: number;
}

export interface EngineMetrics {
  uptime: number;
  cycleCount: number;
  avgLatencyMs: number;
  totalSignals: number;
  totalTrades: number;
  dailyPnlR: number;
  maxDrawdownR: number;
}

export interface ExposureRow {
  key: string;
  positions: number;
  notionalUsd: number;
  riskUsd: number;
  lossUsd: number;
}

export interface FunnelHour {
  hourMs: number;
  evaluations: number;
  candidates: number;
  signals: number;
  entries: number;
  trades: number;
  drops: Record<string, number>;
}

export interface HealthLight {
  name: string;
  state: string;
  value: string;
  limit: string;
  detail: string;
}

export interface IncidentRow {
  seq: number;
  timeMs: number;
  severity: string;
  category: string;
  component: string;
  symbol: string | null;
  message: string;
  action: string;
}

export type KillPhase = "ARMED" | "CANCELLING" | "CONFIRMED_FLAT" | "FLATTENING" | "LATCHED";

export interface KillRow {
  phase: KillPhase;
  reason: string | null;
  triggeredMs: number | null;
  failures: Record<string, number>;
  left: string[];
}

export interface LevelView {
  id: number;
  price: number;
  kind: string;
  side: number;
  strength: number;
  touches: number;
  birth_ms: number;
  known_ms: number;
  state: string;
}

export interface LimitRow {
  name: string;
  used: number | null;
  limit: number;
  unit: string;
  blocks: boolean;
  detail: string;
}

export interface LogRow {
  number: number;
  timeMs: number;
  level: string;
  component: string;
  event: string;
  fields: Record<string, string>;
}

export interface Marker {
  timeMs: number;
  kind: string;
  side: string;
  price: number;
  quantity: number | null;
  text: string;
  positionId: string | null;
}

export interface OrderRow {
  id: string;
  clientOrderId: string;
  symbol: string;
  side: string;
  type: string;
  qty: number;
  price: number | null;
  status: string;
  createdAt: string;
  updatedAt: string;
  filledAt: string | null;
  fees: number;
  reason: string;
  purpose: string;
  filled: number;
  position: string;
  reduceOnly: boolean;
}

export type Phase = "EMERGENCY" | "ERROR" | "EXECUTION" | "IDLE" | "INITIALIZING" | "LEVEL_BUILDING" | "MANAGING" | "PAUSED" | "SCANNING" | "SIGNAL_WAIT" | "SIZING" | "STOPPED";

export type Policy = "adopt" | "flatten" | "halt" | "ignore" | "protect";

export interface PositionRow {
  id: string;
  symbol: string;
  side: string;
  entry: number;
  sl: number;
  tp: number[];
  size: number;
  mode: string;
  openedAt: string;
  updatedAt: string;
  closedAt: string | null;
  pnlR: number;
  pnlUsd: number;
  unrealizedPnlR: number;
  unrealizedPnlUsd: number;
  riskUsd: number;
  stopConfirmed: boolean;
  reason: string;
  phase: string;
  signal: string;
  initialSl: number;
  entered: number;
  exit: number | null;
  mark: number;
  rNow: number;
  riskPercent: number | null;
  maeR: number;
  mfeR: number;
  feesUsd: number;
  level: number | null;
  targetsHit: number;
  closeWanted: string;
  unprotectedSeconds: number;
}

export interface Reply {
  success: boolean;
  message: string;
  timestamp: string;
}

export interface ReservedRow {
  orderId: string;
  clientOrderId: string;
  symbol: string;
  side: string;
  state: string;
  riskUsd: number;
  notionalUsd: number;
  sinceMs: number;
}

export interface RiskView {
  gateOpen: boolean;
  paused: boolean;
  settled: boolean;
  day: DayRow;
  openRiskUsd: number;
  openRiskR: number | null;
  limits: LimitRow[];
  reserved: ReservedRow[];
  bySide: ExposureRow[];
  byBucket: ExposureRow[];
  kill: KillRow;
  halted: Record<string, string>;
}

export interface SessionRow {
  id: string;
  startedMs: number;
  endedMs: number | null;
  market: string;
  preset: string;
  mode: string;
  end: string | null;
  checkpoints: Record<string, number>;
}

export interface Status {
  state: Phase;
  preset: string | null;
  mode: string;
  startedAt: string | null;
  slots: number;
  openPositions: number;
  latencyMs: number;
  dailyR: number;
  consecutiveLosses: number;
}

export interface SymbolDetail {
  row: SymbolRow;
  timeframeMs: number;
  tickSize: number;
  lotSize: number;
  candle: Candle | null;
  levels: LevelView[];
  depth: DepthView | null;
  correlationBucket: string;
}

export type SymbolPhase = "IN_POSITION" | "LEVEL_BUILDING" | "PAUSED" | "QUARANTINED" | "RESTARTING" | "SCANNING" | "SIGNAL_WAIT" | "STALE";

export interface SymbolRow {
  symbol: string;
  phase: SymbolPhase;
  actorState: string;
  lastPrice: number | null;
  score: number | null;
  nearestLevelAtr: number | null;
  feedAgeMs: number | null;
  mailboxDepth: number;
  restarts: number;
  messages: number;
  quarantineReason: string | null;
  lastDecision: string | null;
  dataFaults: number;
  pausedBy?: string | null;
  change24H?: number | null;
}

export interface TimelineStep {
  seq: number;
  timeMs: number;
  kind: string;
  state: string;
  filled: number;
  price: number | null;
  quantity: number | null;
  detail: string;
}

export interface TradeRow {
  id: string;
  symbol: string;
  side: string;
  signal: string;
  openedMs: number;
  closedMs: number;
  entry: number;
  exit: number;
  size: number;
  pnlUsd: number;
  pnlR: number;
  maeR: number;
  mfeR: number;
  feesUsd: number;
  reason: string;
  equityAfterUsd?: number | null;
}

export interface TransitionRow {
  from: string;
  to: string;
  reason: string;
  symbol: string | null;
  metadata: Record<string, string>;
  time?: string;
}

export interface WhyRow {
  symbol: string;
  tsMs: number;
  correlation: string;
  stage: string;
  reason: string;
  value: string;
  threshold: string;
}
