// What was refused of all that was said of topics, until it is answered.
//
// A refusal names its topics. What was refused for haste (429) is said again a second
// later: a topic that is wanted is asked for, and shown as old until it is answered; one
// that is not is left. What is refused otherwise (too many, unknown) is said to be not
// live, and asked for again when others are left, or on another connection.

import type { Fault } from "./types";

const TOO_OFTEN = 429;
const NAMED_MAX = 3;

export class Refusals {
  readonly hasty = new Set<string>(); // wanted, and to be asked for again
  readonly stuck = new Set<string>(); // not wanted, and to be left again
  readonly denied = new Map<string, string>(); // wanted, and not to be had: why

  /** Take what a refusal says of one of its topics; true: it is to be said again. */
  take(topic: string, wanted: boolean, { code, message }: Fault): boolean {
    this.forget(topic);
    const again = code === TOO_OFTEN;
    if (again) (wanted ? this.hasty : this.stuck).add(topic);
    else if (wanted) this.denied.set(topic, message);
    return again;
  }

  forget(topic: string): void {
    this.hasty.delete(topic);
    this.stuck.delete(topic);
    this.denied.delete(topic);
  }

  /** The sentence on what is not to be had; "": all is. */
  sentence(): string {
    const names = [...this.denied.keys()];
    const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : "";
    const why = [...new Set(this.denied.values())].join("; ");
    return why && `${names.slice(0, NAMED_MAX).join(", ")}${more}: ${why}`;
  }
}
