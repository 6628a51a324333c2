// Which tone a word of the engine has. Tone is never the only carrier: the word stands too.

export type Tone = "good" | "warn" | "bad" | "busy" | "accent" | "plain";

const TONES: Record<string, Tone> = {
  // the engine
  IDLE: "plain",
  INITIALIZING: "busy",
  SCANNING: "accent",
  LEVEL_BUILDING: "accent",
  SIGNAL_WAIT: "busy",
  SIZING: "busy",
  EXECUTION: "busy",
  MANAGING: "good",
  PAUSED: "warn",
  ERROR: "bad",
  EMERGENCY: "bad",
  STOPPED: "plain",
  // symbols
  IN_POSITION: "good",
  STALE: "warn",
  RESTARTING: "warn",
  QUARANTINED: "bad",
  // the kill switch
  ARMED: "good",
  CANCELLING: "bad",
  FLATTENING: "bad",
  CONFIRMED_FLAT: "warn",
  LATCHED: "bad",
  // orders
  open: "accent",
  partial: "busy",
  sending: "busy",
  cancelling: "busy",
  planned: "plain",
  unknown: "warn",
  filled: "good",
  cancelled: "plain",
  refused: "bad",
  absent: "plain",
  // sides, severities, lights
  long: "good",
  short: "bad",
  ok: "good",
  warn: "warn",
  bad: "bad",
  info: "accent",
  warning: "warn",
  error: "bad",
  critical: "bad",
  debug: "plain",
};

export const toneOf = (word: string): Tone => TONES[word] ?? "plain";

/** A gain or a loss. */
export function gain(value: number | null | undefined): string {
  if (value == null || Math.abs(value) < 1e-9) return "";
  return value > 0 ? "good" : "bad";
}
