import { describe, expect, test } from "vitest";
import { at, bounds, byLeaf, changes, meant, resolved, withLeaf, written, type Schemas, type Tree } from "./preset";

const SAVED: Tree = { name: "a", risk: { per_trade: 0.015, cap: null }, steps: [1, 2] };

describe("changes", () => {
  test("there are none between a tree and its copy", () => {
    expect(changes(SAVED, structuredClone(SAVED))).toEqual([]);
  });

  test("each leaf that differs is told with its path", () => {
    const edited = withLeaf(withLeaf(SAVED, "risk.per_trade", 0.02), "steps", [1]);
    expect(changes(SAVED, edited)).toEqual([
      { path: "risk.per_trade", before: 0.015, after: 0.02 },
      { path: "steps", before: [1, 2], after: [1] },
    ]);
  });

  test("a setting that only one of them has is a change", () => {
    expect(changes({ a: 1 }, { b: 2 })).toEqual([
      { path: "a", before: 1, after: undefined },
      { path: "b", before: undefined, after: 2 },
    ]);
  });
});

test("a leaf is replaced in a new tree; the old one stays", () => {
  const edited = withLeaf(SAVED, "risk.per_trade", 0.5);
  expect(at(edited, "risk.per_trade")).toBe(0.5);
  expect(at(SAVED, "risk.per_trade")).toBe(0.015);
  expect(edited.steps).toBe(SAVED.steps);
});

describe("what is typed", () => {
  test.each([
    ["0.5", 1, false, 0.5],
    ["", null, true, null],
    ["", 1, true, null],
    ["12", null, true, 12],
    ["many", 1, false, "many"],
    ["", 1, false, ""],
    ["[1, 2]", [], false, [1, 2]],
    ["[1,", [], false, "[1,"],
    ["12", "text", false, "12"],
  ] as const)("%j beside %j", (text, like, nullable, value) => {
    expect(meant(text, like as never, nullable)).toEqual(value);
  });
});

test("the schema behind references and beside a null is found, with its bounds", () => {
  const all: Schemas = { Risk: { properties: { cap: { anyOf: [{ type: "null" }, { $ref: "#/x/Ratio" }] } } }, Ratio: { type: "number", exclusiveMinimum: 0, maximum: 1 } };
  const risk = resolved({ $ref: "#/components/schemas/Risk" }, all).schema;
  const cap = resolved(risk.properties?.cap, all);
  expect(cap.nullable).toBe(true);
  expect(bounds(cap.schema)).toBe("above 0, at most 1");
});

test("a problem stands at its field, also where only its words name it", () => {
  const told = byLeaf(
    [
      { path: "risk", message: "risk: `per_trade` is 2; it must be at most 1" },
      { path: "risk.cap", message: "too high" },
      { path: "", message: "it can never fire" },
    ],
    SAVED,
  );
  expect([...told.keys()]).toEqual(["risk.per_trade", "risk.cap", ""]);
});

test("values are written for people", () => {
  expect(written(null)).toBe("off");
  expect(written([])).toBe("none");
  expect(written(["demo", "live"])).toBe("demo, live");
  expect(written([{ level_r: 1.5, size: 0.4 }])).toBe("level r 1.5 · size 0.4");
});
