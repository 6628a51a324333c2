// The one dialog that stands between a person and a dangerous command.

import { orders, type Order, type Request } from "./orders.svelte";

export interface Question {
  title: string;
  what: string[]; // what will happen, a sentence each
  word: string; // to be typed
  act: string; // the button's text
  request: Request;
}

class Asking {
  question = $state.raw<Question | null>(null);
  order = $state<Order | null>(null);

  ask(question: Question): void {
    this.order = null;
    this.question = question;
  }

  async confirm(): Promise<void> {
    if (this.question === null || this.order !== null) return;
    const given = orders.give(this.question.request, true);
    this.order = orders.given[0] ?? null;
    await given;
  }

  close(): void {
    this.question = null;
    this.order = null;
  }
}

export const asking = new Asking();
