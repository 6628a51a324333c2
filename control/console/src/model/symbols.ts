// The commands of one symbol, and what it may be asked now.

import type { SymbolRow } from "$/wire/types";
import { part } from "$/wire/http";
import type { Question } from "./asking.svelte";
import type { Request } from "./orders.svelte";

export interface SymbolOffer {
  name: "pause" | "resume" | "restart" | "release";
  label: string;
  reason: string; // why it cannot be given; empty: it can
  request: Request;
  question?: Omit<Question, "request">;
}

export function symbolOffers(row: SymbolRow, stale: boolean): SymbolOffer[] {
  const paused = row.pausedBy != null;
  const held = row.phase === "QUARANTINED";
  const lost = stale ? "The connection to the engine is lost" : "";
  const request = (name: string, label: string, body: unknown = {}): Request => ({
    label: `${label} ${row.symbol}`,
    path: `/api/symbols/${part(row.symbol)}/${name}`,
    body,
  });
  return [
    { name: "pause", label: "Pause", reason: lost || (paused ? "It is paused already" : ""), request: request("pause", "Pause") },
    { name: "resume", label: "Resume", reason: lost || (paused ? "" : "It is not paused"), request: request("resume", "Resume") },
    { name: "restart", label: "Restart", reason: lost || (held ? "It is quarantined: release it instead" : ""), request: request("restart", "Restart") },
    {
      name: "release",
      label: "Release",
      reason: lost || (held ? "" : "It is not quarantined"),
      request: request("release", "Release", { confirm: row.symbol }),
      question: {
        title: `Release ${row.symbol} from quarantine?`,
        what: [
          `Its actor crashed too often: ${row.quarantineReason ?? "no reason was kept"}.`,
          "It starts again with its restart budget full, and takes entries.",
        ],
        word: row.symbol,
        act: "Release",
      },
    },
  ];
}
