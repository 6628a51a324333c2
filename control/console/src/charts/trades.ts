// Trades on the chart: marks where something happened, lines that move with a position.

import type { LineStyle, PriceFormat, SeriesMarker, SeriesMarkerBar, UTCTimestamp } from "lightweight-charts";
import { r, signed } from "$/model/format";
import type { Marker, PositionRow } from "$/wire/types";
import { indexAt } from "./bars";
import type { Palette } from "./colours";

const seconds = (ms: number): UTCTimestamp => Math.floor(ms / 1000) as UTCTimestamp;

export function priceFormat(tickSize: number): PriceFormat {
  if (!(tickSize > 0)) return { type: "price", precision: 4, minMove: 0.0001 };
  const precision = Math.min(10, Math.max(0, Math.ceil(-Math.log10(tickSize) - 1e-9)));
  return { type: "price", precision, minMove: tickSize };
}

/** The chart only takes moments that have a bar; marks before the first are left out. */
export function markersOf(
  markers: readonly Marker[],
  timesMs: readonly number[],
  colours: Palette,
): SeriesMarker<UTCTimestamp>[] {
  return markers.flatMap((marker) => {
    const at = timesMs[indexAt(timesMs, marker.timeMs)];
    return at === undefined ? [] : [{ time: seconds(at), ...looksOf(marker, colours) }];
  });
}

function looksOf(marker: Marker, colours: Palette): Omit<SeriesMarkerBar<UTCTimestamp>, "time"> {
  const long = marker.side === "long";
  const below = { position: "belowBar" as const };
  const above = { position: "aboveBar" as const };
  switch (marker.kind) {
    case "entry":
      return { ...(long ? below : above), shape: long ? "arrowUp" : "arrowDown", color: colours.accent, text: long ? "buy" : "sell" };
    case "exit":
      return { ...(long ? above : below), shape: long ? "arrowDown" : "arrowUp", color: colours.warn, text: `exit ${marker.text}` };
    case "take_profit":
      return { ...(long ? above : below), shape: "circle", color: colours.good, text: "target" };
    case "stop_moved":
      return { ...(long ? below : above), shape: "square", color: colours.bad, size: 0.5 };
    default:
      return { ...(long ? below : above), shape: "circle", color: colours.busy, size: 0.7, text: "signal" };
  }
}

/** How the stop of one position has moved, as steps. */
export function stopPath(
  markers: readonly Marker[],
  position: PositionRow,
  timesMs: readonly number[],
): { time: UTCTimestamp; value: number }[] {
  const moves = [
    { ms: Date.parse(position.openedAt), value: position.initialSl },
    ...markers
      .filter((marker) => marker.kind === "stop_moved" && marker.positionId === position.id)
      .map((marker) => ({ ms: marker.timeMs, value: marker.price })),
    { ms: timesMs.at(-1) ?? 0, value: position.sl },
  ];
  const byTime = new Map<number, number>();
  for (const { ms, value } of moves.toSorted((one, other) => one.ms - other.ms)) {
    const at = timesMs[indexAt(timesMs, ms)];
    if (at !== undefined && value > 0) byTime.set(at, value);
  }
  return [...byTime].map(([ms, value]) => ({ time: seconds(ms), value }));
}

export interface TradeLine {
  price: number;
  color: string;
  title: string;
  lineStyle?: LineStyle;
}

export function tradeLines(position: PositionRow, colours: Palette): TradeLine[] {
  const risk = Math.abs(position.entry - position.initialSl);
  const sign = position.side === "long" ? 1 : -1;
  const inR = (price: number): string => (risk > 0 ? r(((price - position.entry) * sign) / risk) : signed(price));
  const targets = position.tp.map((price, at) => ({
    price,
    color: colours.good,
    title: `${at < position.targetsHit ? "hit" : "target"} ${at + 1} ${inR(price)}`,
  }));
  const stop = { price: position.sl, color: colours.bad, title: `stop ${inR(position.sl)}${position.stopConfirmed ? "" : " unconfirmed"}` };
  return [{ price: position.entry, color: colours.accent, title: `entry ${position.side}` }, stop, ...targets];
}
