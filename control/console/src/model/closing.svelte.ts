// The dialog that closes a position: how much of it, at the market or at a limit.

import type { PositionRow } from "$/wire/types";
import { part } from "$/wire/http";
import type { Request } from "./orders.svelte";

export const FRACTIONS = ["0.25", "0.5", "0.75", "1"] as const;

class Closing {
  position = $state.raw<PositionRow | null>(null);
  fraction = $state(1);

  open(position: PositionRow, fraction = 1): void {
    this.position = position;
    this.fraction = fraction;
  }

  close(): void {
    this.position = null;
  }
}

export const closing = new Closing();

export function closeRequest(position: PositionRow, fraction: number, limitPrice: number | null): Request {
  const how = limitPrice === null ? "at the market" : `at ${limitPrice} or better`;
  return {
    label: `Close ${Math.round(fraction * 100)} % of ${position.symbol} ${how}`,
    path: `/api/positions/${part(position.id)}/close`,
    body: { fraction, limitPrice },
  };
}

/** What is wrong with a limit price; empty: nothing. */
export function limitProblem(text: string, position: PositionRow): string {
  const price = Number(text);
  if (text.trim() === "" || !Number.isFinite(price) || price <= 0) return "Give a price above zero";
  if (position.mark <= 0) return "";
  const away = Math.abs(price / position.mark - 1);
  return away > 0.2 ? `This is ${Math.round(away * 100)} % away from the price now` : "";
}
