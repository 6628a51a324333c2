// Bars of a longer timeframe out of shorter ones, and where a moment stands among them.

import type { Candle } from "$/wire/types";

/** Take one closed bar of the market's own timeframe into bars of `timeframeMs`. */
export function withBar(bars: readonly Candle[], bar: Candle, timeframeMs: number): readonly Candle[] {
  const openMs = Math.floor(bar.timeMs / timeframeMs) * timeframeMs;
  const last = bars.at(-1);
  if (last === undefined || openMs > last.timeMs) return [...bars, { ...bar, timeMs: openMs }];
  if (openMs < last.timeMs) return bars;
  const merged: Candle = {
    timeMs: openMs,
    open: last.open,
    high: Math.max(last.high, bar.high),
    low: Math.min(last.low, bar.low),
    close: bar.close,
    volume: last.volume + bar.volume,
  };
  return [...bars.slice(0, -1), merged];
}

/** The index of the last bar that opened at `ms` or before; -1: it is before all. */
export function indexAt(timesMs: readonly number[], ms: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timesMs[middle] as number) <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function timeframeName(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 60) return `${minutes} min`;
  return minutes < 1440 ? `${minutes / 60} h` : `${minutes / 1440} d`;
}
