// A preset as a tree of values: its leaves by path, what differs, and what its schema says.

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Tree = { [name: string]: Json };

export interface Change {
  path: string;
  before: Json | undefined;
  after: Json | undefined;
}

export function isTree(value: Json | undefined): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const same = (one: Json | undefined, other: Json | undefined): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

/** Every leaf that differs, in the order of the trees. */
export function changes(before: Tree, after: Tree, under = ""): Change[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const path = under === "" ? name : `${under}.${name}`;
    const one = before[name];
    const other = after[name];
    if (isTree(one) && isTree(other)) return changes(one, other, path);
    return same(one, other) ? [] : [{ path, before: one, after: other }];
  });
}

export function at(tree: Tree, path: string): Json | undefined {
  let found: Json | undefined = tree;
  for (const name of path.split(".")) found = isTree(found) ? found[name] : undefined;
  return found;
}

/** The tree with one leaf replaced; what is not on the way stays the same object. */
export function withLeaf(tree: Tree, path: string, value: Json): Tree {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...tree, [name]: value };
  const under = tree[name];
  return { ...tree, [name]: withLeaf(isTree(under) ? under : {}, rest.join("."), value) };
}

/**
 * Problems by the leaf that each is about. Where a problem names only the group, the
 * field stands in its words: "risk: `risk_per_trade` is 2; ...".
 */
export function byLeaf(problems: readonly { path: string; message: string }[], tree: Tree): Map<string, string> {
  return new Map(
    problems.map(({ path, message }) => {
      const field = message.match(/`(\w+)`/)?.[1] ?? "";
      const deeper = path === "" ? field : `${path}.${field}`;
      return [field !== "" && at(tree, deeper) !== undefined ? deeper : path, message];
    }),
  );
}

export function written(value: Json | undefined): string {
  if (value === undefined) return "not there";
  if (value === null) return "off";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(written).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, one]) => `${name.replaceAll("_", " ")} ${written(one)}`).join(" · ");
  return String(value);
}

// --- what the schema says -------------------------------------------------------------

export interface Schema {
  $ref?: string;
  type?: string;
  description?: string;
  anyOf?: Schema[];
  enum?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, Schema>;
}

export type Schemas = Record<string, Schema>;

/** The schema that decides: behind references, and beside a null. */
export function resolved(schema: Schema | undefined, all: Schemas): { schema: Schema; nullable: boolean } {
  if (schema?.$ref !== undefined) return resolved(all[schema.$ref.split("/").at(-1) ?? ""], all);
  if (schema?.anyOf !== undefined) {
    const others = schema.anyOf.filter((one) => one.type !== "null");
    const first = resolved(others[0], all);
    return { schema: first.schema, nullable: others.length < schema.anyOf.length };
  }
  return { schema: schema ?? {}, nullable: false };
}

/** The bounds in words: "above 0, at most 1". */
export function bounds(schema: Schema): string {
  const parts: string[] = [];
  if (schema.exclusiveMinimum !== undefined) parts.push(`above ${schema.exclusiveMinimum}`);
  if (schema.minimum !== undefined) parts.push(`at least ${schema.minimum}`);
  if (schema.exclusiveMaximum !== undefined) parts.push(`below ${schema.exclusiveMaximum}`);
  if (schema.maximum !== undefined) parts.push(`at most ${schema.maximum}`);
  return parts.join(", ");
}

/** What was typed, as the value it means; text that means none stays text, to be refused. */
export function meant(text: string, like: Json | undefined, nullable: boolean): Json {
  if (text.trim() === "" && nullable) return null;
  if (typeof like === "string") return text;
  const number = Number(text);
  if (typeof like === "number" || (like === null && Number.isFinite(number))) {
    return text.trim() !== "" && Number.isFinite(number) ? number : text;
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
