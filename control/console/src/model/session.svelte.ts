// Who is signed in. The token is sent once, in a body, and kept nowhere in the page.

import { ask, Refusal, words } from "$/wire/http";
import type { Role } from "$/wire/envelopes";
import { live } from "./live.svelte";
import { prefs } from "./prefs.svelte";

interface Who {
  id: string;
  role: Role;
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

class Session {
  who = $state.raw<Who | null>(null);
  asked = $state(false); // whether the engine has told us who we are
  problem = $state("");

  readonly operates = $derived(this.atLeast("operator"));
  readonly administers = $derived(this.atLeast("admin"));

  atLeast(role: Role): boolean {
    return this.who !== null && RANK[this.who.role] >= RANK[role];
  }

  /** Use the link's one-use ticket, else the cookie of an earlier visit. */
  async open(): Promise<void> {
    const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
    if (ticket !== null) {
      history.replaceState(null, "", location.pathname); // a secret leaves the address bar
      if (await this.enter({ ticket })) return;
      const why = this.problem;
      await this.recall();
      if (this.who === null) this.problem = `The link did not open: ${why}. It works once.`;
      return;
    }
    if (prefs.wasSignedIn) await this.recall();
    else this.asked = true;
  }

  async enter(secret: { token: string } | { ticket: string }): Promise<boolean> {
    try {
      this.admit((await ask<Who>("POST", "/api/session", secret)).body);
      return true;
    } catch (error) {
      this.problem = words(error);
      this.asked = true;
      return false;
    }
  }

  async leave(): Promise<void> {
    await ask("DELETE", "/api/session").catch(() => undefined);
    this.end("");
  }

  private async recall(): Promise<void> {
    try {
      this.admit((await ask<Who>("GET", "/api/session")).body);
    } catch (error) {
      if (!(error instanceof Refusal)) this.problem = words(error);
      this.asked = true;
    }
  }

  private admit(who: Who): void {
    this.who = who;
    prefs.noteSignedIn(true);
    this.problem = "";
    this.asked = true;
    live.start(() => this.end("Your session ended. Sign in again."));
  }

  private end(why: string): void {
    live.stop();
    prefs.noteSignedIn(false);
    this.who = null;
    this.problem = why;
  }
}

export const session = new Session();
