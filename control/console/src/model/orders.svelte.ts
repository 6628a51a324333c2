// What a person ordered, from the click to its end: id, answer, and how to ask again.
//
// Each order has one idempotency key for its whole life. When no answer came nobody
// knows whether it was done; asking again with the same key gives the first answer
// and acts at most once.

import { ask, freshKey, NoAnswer, Refusal, words, type Method } from "$/wire/http";

export type End = "sending" | "done" | "refused" | "unknown";

export interface Order {
  label: string; // "Close half of BTC/USDT"
  method: Method;
  path: string;
  body: unknown;
  key: string;
  atMs: number;
  end: End;
  message: string;
  commandId: string | null;
}

export interface Request {
  label: string;
  method?: Method;
  path: string;
  body?: unknown;
}

const KEPT_MAX = 30;

class Orders {
  given = $state<Order[]>([]); // newest first
  notices = $state<Order[]>([]); // those still shown at the edge of the page

  /** Send one command; never throws: its end is in what is returned. */
  async give({ label, method = "POST", path, body = {} }: Request, quiet = false): Promise<Order> {
    this.given = [
      { label, method, path, body, key: freshKey(), atMs: Date.now(), end: "sending" as const, message: "", commandId: null },
      ...this.given,
    ].slice(0, KEPT_MAX);
    const order = this.given[0] as Order;
    if (!quiet) this.notices = [order, ...this.notices].slice(0, 4);
    await this.send(order);
    return order;
  }

  async again(order: Order): Promise<void> {
    order.end = "sending";
    await this.send(order);
  }

  dismiss(order: Order): void {
    this.notices = this.notices.filter((one) => one.key !== order.key);
  }

  private async send(order: Order): Promise<void> {
    try {
      const body = order.method === "DELETE" ? undefined : order.body;
      const answer = await ask<{ message?: string } | null>(order.method, order.path, body, {
        "Idempotency-Key": order.key,
      });
      order.end = "done";
      order.message = answer.body?.message ?? "done";
      order.commandId = answer.commandId;
    } catch (error) {
      order.end = isUnknown(error) ? "unknown" : "refused";
      order.message = words(error);
      order.commandId = error instanceof Refusal ? error.commandId : null;
    }
    if (order.end === "done") setTimeout(() => this.dismiss(order), 8000);
  }
}

/** 503 is "no end within the deadline": like no answer, it proves nothing. */
function isUnknown(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof Refusal && error.status === 503);
}

export const orders = new Orders();
