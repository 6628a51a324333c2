import { describe, expect, test } from "vitest";
import * as format from "./format";

test("UNKNOWN is a dash in every figure, never a zero", () => {
  const writers = [format.fixed, format.price, format.quantity, format.signed, format.r, format.usd, format.percent, format.span];
  for (const write of writers) {
    for (const unknown of [null, undefined, Number.NaN]) expect(write(unknown)).toBe("–");
  }
  for (const write of [format.clock, format.stamp, format.full]) expect(write(null)).toBe("–");
  expect(format.clock("no time")).toBe("–");
});

describe("figures", () => {
  test.each([
    [1234567.891, "1\u202f234\u202f567.89"],
    [-0.001, "0.00"],
    [-12.5, "−12.50"],
    [0, "0.00"],
  ])("fixed %d", (value, text) => expect(format.fixed(value)).toBe(text));

  test.each([
    [64210.54, "64\u202f210.5"],
    [192.494, "192.49"],
    [5.5947, "5.5947"],
    [0.012345678, "0.012346"],
    [0, "0"],
  ])("price %d", (value, text) => expect(format.price(value)).toBe(text));

  test.each([
    [1.5, "+1.50"],
    [-1.5, "−1.50"],
    [0, "0.00"],
    [0.0001, "0.00"],
  ])("signed %d", (value, text) => expect(format.signed(value)).toBe(text));

  test.each([
    ["0.0030552634", "0.0030553"],
    ["202", "202"],
    ["no level", "no level"],
    ["", "–"],
  ])("brief %s", (value, text) => expect(format.brief(value)).toBe(text));

  test("percent takes fractions", () => expect(format.percent(0.0153)).toBe("1.5\u202f%"));
});

test.each([
  [0, "0 ms"],
  [850, "850 ms"],
  [12_400, "12 s"],
  [245_000, "4 min 05 s"],
  [11_520_000, "3 h 12 min"],
  [187_200_000, "2 d 4 h"],
])("span %d", (milliseconds, text) => expect(format.span(milliseconds)).toBe(text));

test("moments are UTC", () => {
  expect(format.clock(1_795_832_514_335)).toBe("02:21:54");
  expect(format.stamp("2025-01-02T02:27:00.050Z")).toBe("01-02 02:27:00");
});
