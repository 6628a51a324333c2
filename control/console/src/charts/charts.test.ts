import { describe, expect, test } from "vitest";
import type { Candle, Marker, PositionRow } from "$/wire/types";
import { indexAt, withBar } from "./bars";
import { edgePath, NARROW, WIDE } from "./machine";
import { markersOf, stopPath, tradeLines } from "./trades";
import type { Palette } from "./colours";

const bar = (timeMs: number, close = 1, volume = 1): Candle => ({ timeMs, open: close, high: close + 1, low: close - 1, close, volume });
const MINUTE = 60_000;
const COLOURS = new Proxy({}, { get: (_, name) => String(name) }) as Palette;

describe("bars", () => {
  test("a newer bar is added, the same one replaces, an older one is left out", () => {
    const one = withBar([], bar(0), MINUTE);
    expect(withBar(one, bar(MINUTE), MINUTE)).toHaveLength(2);
    expect(withBar(withBar(one, bar(MINUTE), MINUTE), bar(0), MINUTE)).toHaveLength(2);
  });

  test("short bars grow a long one", () => {
    const five = withBar(withBar([], bar(0, 10, 3), 5 * MINUTE), bar(MINUTE, 20, 4), 5 * MINUTE);
    expect(five).toEqual([{ timeMs: 0, open: 10, high: 21, low: 9, close: 20, volume: 7 }]);
  });

  test.each([
    [-1, -1],
    [0, 0],
    [5, 0],
    [10, 1],
    [99, 2],
  ])("at %d stands bar %d", (ms, index) => expect(indexAt([0, 10, 20], ms)).toBe(index));
});

describe("the drawing of the state machine", () => {
  test.each([WIDE, NARROW])("no state leaves the picture or covers another", (layout) => {
    const spots = Object.values(layout.spots);
    expect(spots).toHaveLength(12);
    for (const { x, y } of spots) {
      expect(x - layout.box.width / 2).toBeGreaterThanOrEqual(0);
      expect(x + layout.box.width / 2).toBeLessThanOrEqual(layout.width);
      expect(y + layout.box.height / 2).toBeLessThanOrEqual(layout.height);
    }
    for (const [at, one] of spots.entries()) {
      for (const other of spots.slice(at + 1)) {
        const apart = Math.abs(one.x - other.x) >= layout.box.width || Math.abs(one.y - other.y) >= layout.box.height;
        expect(apart).toBe(true);
      }
    }
  });

  test("there and back are two curves", () => {
    expect(edgePath(WIDE, "SCANNING", "MANAGING")).not.toBe(edgePath(WIDE, "MANAGING", "SCANNING"));
    expect(edgePath(WIDE, "MANAGING", "MANAGING")).toContain("C");
  });
});

describe("trades on the chart", () => {
  const position = { id: "p", side: "long", entry: 100, initialSl: 90, sl: 100, tp: [115, 130], targetsHit: 1, stopConfirmed: true, openedAt: new Date(MINUTE).toISOString() } as PositionRow;
  const moved = { timeMs: 3 * MINUTE, kind: "stop_moved", side: "long", price: 95, quantity: null, text: "", positionId: "p" } as Marker;

  test("lines say how far they are in R", () => {
    const lines = tradeLines(position, COLOURS).map((line) => line.title);
    expect(lines).toEqual(["entry long", "stop 0.00\u202fR", "hit 1 +1.50\u202fR", "target 2 +3.00\u202fR"]);
  });

  test("the stop's way is a step at each move", () => {
    const times = [0, 1, 2, 3, 4].map((at) => at * MINUTE);
    expect(stopPath([moved], position, times).map(({ time, value }) => [time, value])).toEqual([
      [60, 90],
      [180, 95],
      [240, 100],
    ]);
  });

  test("a mark before the first bar is left out, others stand on a bar", () => {
    const marks = markersOf([{ ...moved, timeMs: 0 }, { ...moved, timeMs: 190_000 }], [2 * MINUTE, 3 * MINUTE], COLOURS);
    expect(marks.map((mark) => mark.time)).toEqual([180]);
  });
});
