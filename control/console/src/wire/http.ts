// One way to ask the engine over HTTP. A refusal is an error with the engine's words.

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export interface Answer<T> {
  body: T;
  status: number;
  commandId: string | null;
}

/** The engine answered, and the answer is no. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly retrySeconds: number | null,
    readonly commandId: string | null,
    readonly body: unknown,
  ) {
    super(message);
    this.name = "Refusal";
  }
}

/** No answer came: whether anything was done is not known. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

const READ_TRIES = 3;
const ANSWER_MS_MAX = 15_000;

export async function ask<T>(
  method: Method,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const response = await send(method, path, body, headers);
  const said = await bodyOf(response);
  const commandId = response.headers.get("x-command-id");
  if (!response.ok) throw refusal(response, said, commandId);
  return { body: said as T, status: response.status, commandId };
}

/** Reads wait out a 429 where commands do not: a late command may be a wrong one. */
export async function read<T>(path: string): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return (await ask<T>("GET", path)).body;
    } catch (error) {
      const waits = error instanceof Refusal && error.status === 429;
      if (!waits || tries >= READ_TRIES) throw error;
      await pause(((error as Refusal).retrySeconds ?? 1) * 1000);
    }
  }
}

async function send(
  method: Method,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Response> {
  const all: Record<string, string> = { "X-Breakout": "1", ...headers };
  if (body !== undefined) all["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers: all,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      cache: "no-store",
    });
  } catch {
    throw new NoAnswer("the engine gave no answer");
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

function refusal(response: Response, said: unknown, commandId: string | null): Refusal {
  const message =
    typeof said === "object" && said !== null && "message" in said
      ? String(said.message)
      : `${response.status} ${response.statusText}`;
  const wait = response.headers.get("retry-after");
  const seconds = wait === null ? null : Number(wait);
  return new Refusal(message, response.status, seconds, commandId, said);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** A fresh idempotency key; `randomUUID` is missing on plain http beyond loopback. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A symbol as one part of a path: BTC/USDT:USDT has two characters to escape. */
export const part = encodeURIComponent;

export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
