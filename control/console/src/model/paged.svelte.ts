// A list that is read page by page, newest first, and searched by the engine.

import { read, words } from "$/wire/http";
import type { Page } from "$/wire/envelopes";

export interface Paged<Row> {
  readonly rows: readonly Row[];
  readonly more: boolean;
  readonly loading: boolean;
  readonly problem: string;
  older(): Promise<void>;
  again(): Promise<void>;
}

/** `path()` without `limit` and `cursor`; another path begins anew. */
export function paged<Row>(path: () => string, limit = 100): Paged<Row> {
  let rows = $state.raw<readonly Row[]>([]);
  let cursor = $state.raw<string | null>(null);
  let loading = $state(false);
  let problem = $state("");
  let current = "";

  async function load(asked: string, from: string | null): Promise<void> {
    loading = true;
    const query = `${asked.includes("?") ? "&" : "?"}limit=${limit}${from === null ? "" : `&cursor=${encodeURIComponent(from)}`}`;
    try {
      const page = await read<Page<Row>>(asked + query);
      if (asked !== current) return;
      rows = from === null ? page.items : [...rows, ...page.items];
      cursor = page.cursor ?? null;
      problem = "";
    } catch (error) {
      if (asked === current) problem = words(error);
    } finally {
      if (asked === current) loading = false;
    }
  }

  $effect(() => {
    const asked = path();
    if (asked !== current) {
      rows = [];
      cursor = null;
    }
    current = asked;
    void load(asked, null);
  });

  return {
    get rows() {
      return rows;
    },
    get more() {
      return cursor !== null;
    },
    get loading() {
      return loading;
    },
    get problem() {
      return problem;
    },
    older: () => (cursor === null ? Promise.resolve() : load(current, cursor)),
    again: () => load(current, null),
  };
}
