// What is read over REST: kept while it is read anew, with its age and its problem.

import { read, Refusal, words } from "$/wire/http";

export interface Resource<T> {
  readonly value: T | null;
  readonly problem: string;
  readonly missing: boolean; // the engine has no such thing (404)
  readonly loading: boolean;
  readonly readMs: number;
  again(): Promise<void>;
}

/** Read `path()` while the component is shown, again each `everyMs`; null: nothing. */
export function resource<T>(path: () => string | null, everyMs = 0): Resource<T> {
  let value = $state.raw<T | null>(null);
  let problem = $state("");
  let missing = $state(false);
  let loading = $state(false);
  let readMs = $state(0);
  let current: string | null = null;

  async function load(asked: string): Promise<void> {
    loading = true;
    try {
      const got = await read<T>(asked);
      if (asked !== current) return;
      value = got;
      problem = "";
      missing = false;
      readMs = Date.now();
    } catch (error) {
      if (asked !== current) return;
      problem = words(error);
      missing = error instanceof Refusal && error.status === 404;
      if (missing) value = null;
    } finally {
      if (asked === current) loading = false;
    }
  }

  $effect(() => {
    const asked = path();
    if (asked !== current) value = null;
    current = asked;
    if (asked === null) return;
    void load(asked);
    if (everyMs === 0) return;
    const timer = setInterval(() => {
      if (!document.hidden) void load(asked);
    }, everyMs);
    return () => clearInterval(timer);
  });

  return {
    get value() {
      return value;
    },
    get problem() {
      return problem;
    },
    get missing() {
      return missing;
    },
    get loading() {
      return loading;
    },
    get readMs() {
      return readMs;
    },
    again: async () => {
      if (current !== null) await load(current);
    },
  };
}
