// The columns of the table of symbols, and which rows a filter lets through.

import { spaced } from "$/model/format";
import type { SymbolPhase, SymbolRow } from "$/wire/types";
import type { Column } from "./table";

export const PHASES: readonly SymbolPhase[] = [
  "SCANNING",
  "LEVEL_BUILDING",
  "SIGNAL_WAIT",
  "IN_POSITION",
  "PAUSED",
  "STALE",
  "RESTARTING",
  "QUARANTINED",
];

export const COLUMNS: readonly (Column<SymbolRow> & { width: string; wide?: boolean })[] = [
  { key: "symbol", label: "Symbol", width: "176px", sort: (row) => row.symbol },
  { key: "phase", label: "Phase", width: "136px", sort: (row) => PHASES.indexOf(row.phase) },
  { key: "price", label: "Price", num: true, width: "90px", sort: (row) => row.lastPrice },
  { key: "change", label: "24 h", num: true, width: "72px", sort: (row) => row.change24H },
  { key: "score", label: "Score", num: true, width: "66px", sort: (row) => row.score },
  { key: "level", label: "Level, ATR", num: true, width: "94px", hint: "Distance to the nearest level in ATR", sort: (row) => (row.nearestLevelAtr === null ? null : Math.abs(row.nearestLevelAtr)) },
  { key: "age", label: "Feed age", num: true, width: "86px", sort: (row) => row.feedAgeMs },
  { key: "mail", label: "Mailbox", num: true, width: "80px", hint: "Messages that wait", sort: (row) => row.mailboxDepth },
  { key: "restarts", label: "Restarts", num: true, width: "80px", sort: (row) => row.restarts },
  { key: "decision", label: "Last decision", width: "" },
];

export function passes(row: SymbolRow, text: string, phase: SymbolPhase | ""): boolean {
  if (phase !== "" && row.phase !== phase) return false;
  if (text === "") return true;
  const sought = text.toLowerCase();
  return [row.symbol, spaced(row.phase), row.lastDecision ?? "", row.quarantineReason ?? ""].some((one) =>
    one.toLowerCase().includes(sought),
  );
}
