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

export interface AlertRow {
  tsMs: number;
  category: string;
  severity: string;
  component: string;
  symbol: string | null;
  message: string;
  action: string;
}

export interface AlertRowItems {
  items: AlertRow[];
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

export interface AuditRowPage {
  items: AuditRow[];
  cursor: string | null;
}

export interface Authenticate {
  type: "auth";
  ticket: string;
}

export type Bias = "any" | "gainers" | "losers";

export interface Bin {
  fromR: number;
  toR: number;
  count: number;
}

export interface Candle {
  timeMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

export interface Candles {
  symbol: string;
  timeframeMs: number;
  items: Candle[];
}

export interface ClosePosition {
  fraction?: number;
  limitPrice?: number | null;
}

export interface CommandBody {
  command: string;
  args?: Record<string, unknown>;
}

export interface CommandOutcome {
  id: string;
  ok: boolean;
  code: number;
  message: string;
}

export interface CommandSaid {
  type: "command";
  id: string;
  command: string;
  args?: Record<string, unknown>;
  key?: string | null;
}

export interface CommandState {
  name: string;
  enabled: boolean;
  reason: string;
}

export interface Commands {
  state: Phase;
  commands: CommandState[];
}

export interface Compared {
  divergence: Divergence | null;
  reason: string;
}

export type Component = "atr_quality" | "correlation" | "gainers" | "oi_delta" | "trades_per_minute" | "vol_surge";

export interface Confirm {
  confirm?: string;
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
  afterwardsR: number | null;
}

export interface DecisionRowPage {
  items: DecisionRow[];
  cursor: string | null;
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

export interface Diagnostics {
  tree: string[];
  actors: ActorRow[];
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
  policy: TruthPolicy;
  would: Record<string, string>;
}

export interface DifferenceRowItems {
  items: DifferenceRow[];
}

export interface Distribution {
  items: Bin[];
  n: number;
  meanR: number | null;
  low: number | null;
  high: number | null;
}

export interface Divergence {
  sinceMs: number;
  untilMs: number;
  totals: DivergenceTotals;
  orders: OrderDivergence[];
  trades: TradeDivergence[];
  uncompared: Record<string, number>;
  faults: number;
  lastFault: string;
  off: boolean;
}

export interface DivergenceTotals {
  orders: number;
  trades: number;
  asked: number;
  realFillRate: number | null;
  paperFillRate: number | null;
  slippage: SlippageSpread;
  fee: number;
  differenceUsd: number;
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

export interface DropRowItems {
  items: DropRow[];
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

export interface EntryRules {
  volume_confirmation: number;
  momentum_slope_min: number;
  momentum_slope_bars: number;
  approach_slope_max: number;
  consolidation_bars_min: number;
  max_distance_bps: number;
  clean_breakout_bars: number;
  session_avoid_first_minutes: number;
  session_avoid_last_minutes: number;
}

export interface EntryRulesInput {
  volume_confirmation?: number;
  momentum_slope_min?: number;
  momentum_slope_bars?: number;
  approach_slope_max?: number;
  consolidation_bars_min?: number;
  max_distance_bps?: number;
  clean_breakout_bars?: number;
  session_avoid_first_minutes?: number;
  session_avoid_last_minutes?: number;
}

export interface EquityPoint {
  timeMs: number;
  equityUsd: number;
  drawdownUsd: number;
  drawdownPercent: number | null;
}

export interface EquityPointItems {
  items: EquityPoint[];
}

export interface ExchangeBudget {
  exchange: string;
  weightUsed: number;
  weightLimit: number;
  weightEntryLimit: number;
  weightOthers: number;
  windowSeconds: number;
  ordersUsed: number | null;
  ordersLimit: number | null;
  waiting: Record<string, number>;
  bannedUntilMs: number | null;
  banReason: string | null;
  breaker: string;
  breakerLeftSeconds: number;
  failures: Record<string, number>;
  trouble: string | null;
  noEntries: string | null;
  requests: number;
  faults: Record<string, number>;
  retries: number;
  refused: number;
  lastRefusal: string | null;
  lastRefusalMs: number | null;
}

export interface ExchangeBudgetItems {
  items: ExchangeBudget[];
}

export interface Execution {
  filledShare: number;
  price: number | null;
  fee: number;
  firstFillMs: number | null;
  ended: string;
}

export interface ExecutionConfig {
  taker_fee_bps: number;
  maker_fee_bps: number;
  max_depth_fraction: number;
  entry_band_bps: number;
  slippage_bps: number;
  stop_confirm_seconds_max: number;
  size_skip_below: number;
}

export interface ExecutionConfigInput {
  taker_fee_bps?: number;
  maker_fee_bps?: number;
  max_depth_fraction?: number;
  entry_band_bps?: number;
  slippage_bps?: number;
  stop_confirm_seconds_max?: number;
  size_skip_below?: number;
}

export interface ExitRules {
  failed_breakout_bars: number;
  weak_impulse_ratio: number;
  weak_impulse_bars: number;
  activity_drop_threshold: number;
  activity_drop_bars: number;
  stall_hours: number;
  stall_r: number;
  max_hold_hours: number;
}

export interface ExitRulesInput {
  failed_breakout_bars?: number;
  weak_impulse_ratio?: number;
  weak_impulse_bars?: number;
  activity_drop_threshold?: number;
  activity_drop_bars?: number;
  stall_hours?: number;
  stall_r?: number;
  max_hold_hours?: number;
}

export interface ExposureRow {
  key: string;
  positions: number;
  notionalUsd: number;
  riskUsd: number;
  lossUsd: number;
}

export interface Fault {
  ok: boolean;
  code: number;
  message: string;
  topics: string[];
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

export interface FunnelHourItems {
  items: FunnelHour[];
}

export interface Group {
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
  key: string;
}

export interface GroupItems {
  items: Group[];
}

export interface HaltArgs {
  reason?: string;
}

export interface HealthLight {
  name: string;
  state: string;
  value: string;
  limit: string;
  detail: string;
}

export interface Heartbeat {
  state: Phase;
}

export interface Hello {
  id: string;
  role: Role;
  state: Phase;
  topics: string[];
  heartbeatSeconds: number;
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

export interface IncidentRowPage {
  items: IncidentRow[];
  cursor: string | null;
}

export type KillPhase = "ARMED" | "CANCELLING" | "CONFIRMED_FLAT" | "FLATTENING" | "LATCHED";

export interface KillRow {
  phase: KillPhase;
  reason: string | null;
  triggeredMs: number | null;
  failures: Record<string, number>;
  left: string[];
}

export interface KillSwitchMoved {
  reason: string;
  triggered_at: number;
  phase: KillPhase;
}

export interface LevelRules {
  donchian_bars: number[];
  pivot_left_bars: number;
  pivot_right_bars: number;
  volume_extreme_fraction: number;
  merge_atr: number;
  min_separation_atr: number;
  min_touches: number;
  touch_tolerance: number;
  strength_min: number;
  round_steps: number[];
  cascade_bps: number;
  cascade_min: number;
  armed_atr: number;
}

export interface LevelRulesInput {
  donchian_bars?: number[];
  pivot_left_bars?: number;
  pivot_right_bars?: number;
  volume_extreme_fraction?: number;
  merge_atr?: number;
  min_separation_atr?: number;
  min_touches?: number;
  touch_tolerance?: number;
  strength_min?: number;
  round_steps?: number[];
  cascade_bps?: number;
  cascade_min?: number;
  armed_atr?: number;
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

export interface Levels {
  symbol: string;
  levels: LevelView[];
}

export interface LimitRow {
  name: string;
  used: number | null;
  limit: number;
  unit: string;
  blocks: boolean;
  detail: string;
}

export interface LiquidityFilters {
  min_24h_volume_usd: number;
  min_oi_usd: number | null;
  max_spread_bps: number;
  min_depth_usd_0_5pct: number;
  min_depth_usd_0_3pct: number;
  min_trades_per_minute: number;
}

export interface LiquidityFiltersInput {
  min_24h_volume_usd: number;
  min_oi_usd?: number | null;
  max_spread_bps: number;
  min_depth_usd_0_5pct: number;
  min_depth_usd_0_3pct: number;
  min_trades_per_minute: number;
}

export interface LogRow {
  number: number;
  timeMs: number;
  level: string;
  component: string;
  event: string;
  fields: Record<string, string>;
}

export interface LogRowItems {
  items: LogRow[];
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

export interface Markers {
  symbol: string;
  items: Marker[];
}

export interface MarketQuality {
  flat_atr_ratio_min: number | null;
  flat_bars: number;
  volatility_spike_sigma: number | null;
  volatility_spike_bars: number;
  trend_slope_min: number | null;
  trend_bars: number;
  noise_max: number | null;
}

export interface MarketQualityInput {
  flat_atr_ratio_min?: number | null;
  flat_bars?: number;
  volatility_spike_sigma?: number | null;
  volatility_spike_bars?: number;
  trend_slope_min?: number | null;
  trend_bars?: number;
  noise_max?: number | null;
}

export interface MarketSnapshot {
  symbol: string;
  row: SymbolRow;
  candle: Candle | null;
  depth: DepthView | null;
}

export interface NewToken {
  id: string;
  role: Role;
  days?: number | null;
}

export type NoArgs = {  };

export interface OrderDivergence {
  clientOrderId: string;
  symbol: string;
  side: string;
  kind: string;
  reduceOnly: boolean;
  sentMs: number;
  real: Execution;
  paper: Execution;
  slippageBps: number | null;
  firstFillMs: number | null;
  fee: number;
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

export interface OrderRowPage {
  items: OrderRow[];
  cursor: string | null;
}

export interface PeriodRow {
  period: string;
  n: number;
  pnlUsd: number;
  pnlR: number;
  wins: number;
}

export interface PeriodRowItems {
  items: PeriodRow[];
}

export type Phase = "EMERGENCY" | "ERROR" | "EXECUTION" | "IDLE" | "INITIALIZING" | "LEVEL_BUILDING" | "MANAGING" | "PAUSED" | "SCANNING" | "SIGNAL_WAIT" | "SIZING" | "STOPPED";

export interface Ping {
  type: "ping";
  id?: unknown;
}

export type Policy = "fail" | "skip";

export interface Pong {
  id: unknown;
}

export interface PositionConfig {
  tp_levels: TakeProfit[];
  tp_mode: TargetMode;
  tp_smart_placement: SmartPlacement;
  sl_mode: StopMode;
  sl_atr: number;
  breakeven_at_r: number;
  breakeven_buffer_bps: number;
  chandelier_atr: number;
  chandelier_bars: number;
  trail_from_r: number;
  exit_rules: ExitRules;
}

export interface PositionConfigInput {
  tp_levels: TakeProfit[];
  tp_mode?: TargetMode;
  tp_smart_placement?: SmartPlacementInput;
  sl_mode?: StopMode;
  sl_atr?: number;
  breakeven_at_r?: number;
  breakeven_buffer_bps?: number;
  chandelier_atr?: number;
  chandelier_bars?: number;
  trail_from_r?: number;
  exit_rules?: ExitRulesInput;
}

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

export interface PositionRowPage {
  items: PositionRow[];
  cursor: string | null;
}

export interface Preset {
  name: string;
  description: string;
  target_markets: TargetMarket[];
  timeframe_minutes: number | null;
  strategy_priority: SignalKind[];
  risk: Risk;
  liquidity_filters: LiquidityFilters;
  volatility_filters: VolatilityFilters;
  signal_config: SignalConfig;
  position_config: PositionConfig;
  scanner_config: ScannerConfig;
  execution_config: ExecutionConfig;
  levels_rules: LevelRules;
  unknown: Unknowns;
}

export interface PresetEditShown {
  preset: PresetInput;
  version?: number | null;
}

export interface PresetInput {
  name: string;
  description: string;
  target_markets: TargetMarket[];
  timeframe_minutes?: number | null;
  strategy_priority: SignalKind[];
  risk: RiskInput;
  liquidity_filters: LiquidityFiltersInput;
  volatility_filters: VolatilityFiltersInput;
  signal_config: SignalConfigInput;
  position_config: PositionConfigInput;
  scanner_config: ScannerConfigInput;
  execution_config?: ExecutionConfigInput;
  levels_rules?: LevelRulesInput;
  unknown: UnknownsInput;
}

export interface PresetProblem {
  path: string;
  message: string;
}

export interface PresetRow {
  name: string;
  description: string;
  version: number;
  origin: string;
  runningNow: boolean;
  problem: string | null;
}

export interface PresetRowItems {
  items: PresetRow[];
}

export interface PresetSaved {
  success: boolean;
  message: string;
  timestamp: string;
  version: number | null;
  problems: PresetProblem[];
}

export interface PresetShown {
  name: string;
  version: number;
  origin: string;
  preset: Preset;
  versions: number[];
}

export interface PresetVerdict {
  ok: boolean;
  problems: PresetProblem[];
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

export interface ResetArgs {
  confirm?: string;
}

export interface ResourceHealth {
  ts_ms: number;
  cpu_percent: number | null;
  rss_mib: number | null;
  memory_percent: number | null;
  disk_free_mib: number | null;
  threads: number | null;
  descriptors: number | null;
  descriptors_percent: number | null;
  loop_lag_ms: number | null;
  unmeasured: Record<string, string>;
  mailboxes: Record<string, number>;
  unprotected: UnprotectedTime;
  lights: HealthLight[];
}

export interface Resync {
  topic: string;
  after: number;
}

export interface Risk {
  risk_per_trade: number;
  daily_risk_limit: number;
  kill_switch_loss_limit: number;
  max_concurrent_positions: number;
  max_position_size_usd: number | null;
  correlation_limit: number;
  max_consecutive_losses: number;
  max_same_direction_notional_ratio: number;
  max_total_risk: number;
  max_opens_per_minute: number;
  correlated_exposure_warn: number;
  correlated_exposure_block: number;
  max_notional_per_symbol_day_usd: number | null;
  leverage_max: number;
  max_risk_per_trade: number | null;
  daily_loss_r_max: number | null;
  price_band_bps: number | null;
  exit_spread_bps_max: number | null;
  exit_depth_ratio_min: number | null;
}

export interface RiskInput {
  risk_per_trade: number;
  daily_risk_limit: number;
  kill_switch_loss_limit: number;
  max_concurrent_positions: number;
  max_position_size_usd?: number | null;
  correlation_limit?: number;
  max_consecutive_losses?: number;
  max_same_direction_notional_ratio?: number;
  max_total_risk?: number;
  max_opens_per_minute?: number;
  correlated_exposure_warn?: number;
  correlated_exposure_block?: number;
  max_notional_per_symbol_day_usd?: number | null;
  leverage_max?: number;
  max_risk_per_trade?: number | null;
  daily_loss_r_max?: number | null;
  price_band_bps?: number | null;
  exit_spread_bps_max?: number | null;
  exit_depth_ratio_min?: number | null;
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

export type Role = "admin" | "operator" | "viewer";

export interface ScannerConfig {
  max_candidates: number;
  score_weights: Record<string, number>;
  score_min: number | null;
  bias: Bias;
  whitelist: string[];
  blacklist: string[];
  top_n_by_volume: number | null;
}

export interface ScannerConfigInput {
  max_candidates: number;
  score_weights: Record<string, number>;
  score_min?: number | null;
  bias?: Bias;
  whitelist?: string[];
  blacklist?: string[];
  top_n_by_volume?: number | null;
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

export interface SessionRowItems {
  items: SessionRow[];
}

export interface SettleArgs {
  symbol: string;
  policy: string;
  confirm: string;
  id?: string | null;
  stop?: string | number | null;
}

export interface SignIn {
  token?: string | null;
  ticket?: string | null;
}

export interface SignalConfig {
  momentum_volume_multiplier: number;
  momentum_body_ratio_min: number;
  momentum_epsilon: number;
  retest_pierce_tolerance: number;
  retest_max_pierce_atr: number;
  l2_imbalance_threshold: number;
  vwap_gap_max_atr: number;
  tpm_on_touch_frac: number;
  retest_volume_min: number;
  entry_rules: EntryRules;
  market_quality: MarketQuality;
}

export interface SignalConfigInput {
  momentum_volume_multiplier: number;
  momentum_body_ratio_min: number;
  momentum_epsilon: number;
  retest_pierce_tolerance: number;
  retest_max_pierce_atr: number;
  l2_imbalance_threshold: number;
  vwap_gap_max_atr: number;
  tpm_on_touch_frac?: number;
  retest_volume_min?: number;
  entry_rules?: EntryRulesInput;
  market_quality?: MarketQualityInput;
}

export type SignalKind = "momentum" | "retest";

export interface SignalShown {
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
  atr: number;
  oppositeDepthUsd: number | null;
  spreadBps: number | null;
  stamps: [string, number][];
  exitDepthUsd: number | null;
}

export interface SlippageSpread {
  n: number;
  meanBps: number | null;
  medianBps: number | null;
  p95Bps: number | null;
}

export interface SmartPlacement {
  level_offset_bps: number;
  round_offset_bps: number;
  shift_max_bps: number;
}

export interface SmartPlacementInput {
  level_offset_bps?: number;
  round_offset_bps?: number;
  shift_max_bps?: number;
}

export interface Snapshot {
  items?: unknown[];
  state?: unknown;
  latest?: Record<string, unknown>;
  resync?: boolean;
}

export interface SocketTicket {
  ticket: string;
  seconds: number;
}

export interface StartArgs {
  preset: string;
  mode?: string;
  confirm?: string;
}

export interface StateMachine {
  state: Phase;
  table: Record<string, string[]>;
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

export type StopMode = "atr" | "signal";

export interface StopMoved {
  position_id: string;
  old_sl: number;
  new_sl: number;
}

export interface Subscribe {
  type: "subscribe";
  topics: string[];
  after?: Record<string, number>;
}

export interface Summary {
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
  feesUsd: number;
  profitFactor: number | null;
  expectancyUsd: number | null;
  maxDrawdownUsd: number;
  maxDrawdownR: number;
  maxDrawdownPercent: number | null;
  captureRatio: number | null;
  averageHoldMinutes: number | null;
  longestLosingStreak: number;
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
  pausedBy: string | null;
  change24H: number | null;
}

export interface SymbolRowItems {
  items: SymbolRow[];
}

export interface TakeProfit {
  position_id: string;
  pnl: number;
  pnlR: number;
}

export type TargetMarket = "demo" | "live" | "replay";

export type TargetMode = "fixed" | "smart";

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

export interface TimelineStepItems {
  items: TimelineStep[];
}

export interface TokenMade {
  id: string;
  role: Role;
  token: string;
  expiresMs: number | null;
}

export interface TokenRow {
  id: string;
  role: Role;
  createdMs: number | null;
  expiresMs: number | null;
  lastUsedMs: number | null;
}

export interface TokenRowItems {
  items: TokenRow[];
}

export interface TradeDivergence {
  symbol: string;
  side: string;
  openedMs: number;
  closedMs: number;
  orders: number;
  realUsd: number;
  paperUsd: number;
  differenceUsd: number;
  leftQuantity: number;
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
  equityAfterUsd: number | null;
}

export interface TradeRowItems {
  items: TradeRow[];
}

export interface TransitionRow {
  from: string;
  to: string;
  reason: string;
  symbol: string | null;
  metadata: Record<string, string>;
  time?: string;
}

export interface TransitionRowItems {
  items: TransitionRow[];
}

export interface Unknowns {
  volume_24h: PresetPolicy;
  open_interest: PresetPolicy;
  spread: PresetPolicy;
  depth: PresetPolicy;
  trades_per_minute: PresetPolicy;
  atr: PresetPolicy;
  bb_width: PresetPolicy;
  volume_surge_1h: PresetPolicy;
  volume_surge_5m: PresetPolicy;
  oi_delta: PresetPolicy;
  correlation: PresetPolicy;
  volume_rank: PresetPolicy;
  imbalance: PresetPolicy;
  reference_price: PresetPolicy;
}

export interface UnknownsInput {
  volume_24h: Policy;
  open_interest: Policy;
  spread: Policy;
  depth: Policy;
  trades_per_minute: Policy;
  atr: Policy;
  bb_width: Policy;
  volume_surge_1h: Policy;
  volume_surge_5m: Policy;
  oi_delta: Policy;
  correlation: Policy;
  volume_rank: Policy;
  imbalance: Policy;
  reference_price?: Policy;
}

export interface UnprotectedTime {
  positions: number;
  secondsTotal: number;
  secondsMax: number;
}

export interface Unsubscribe {
  type: "unsubscribe";
  topics: string[];
}

export interface VolatilityFilters {
  atr_range_min: number;
  atr_range_max: number;
  bb_width_percentile_max: number;
  volume_surge_1h_min: number;
  volume_surge_5m_min: number;
  oi_delta_threshold: number | null;
}

export interface VolatilityFiltersInput {
  atr_range_min: number;
  atr_range_max: number;
  bb_width_percentile_max: number;
  volume_surge_1h_min: number;
  volume_surge_5m_min: number;
  oi_delta_threshold?: number | null;
}

export interface Who {
  id: string | null;
  role: Role | null;
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

export interface WhyRowItems {
  items: WhyRow[];
}

export type TruthPolicy = "adopt" | "flatten" | "halt" | "ignore" | "protect";

export type PresetPolicy = "fail" | "skip";
