// The engine's commands as buttons: where each goes and which word it asks for.

import type { CommandState } from "$/wire/types";
import type { Question } from "./asking.svelte";
import type { Request } from "./orders.svelte";

export interface Offer {
  command: string;
  label: string;
  what: string;
  request: Request;
  question?: Omit<Question, "request">;
}

export function commandNamed(commands: readonly CommandState[], name: string): CommandState | null {
  return commands.find((command) => command.name === name) ?? null;
}

/** Why a command cannot be given now; empty when it can. */
export function whyNot(command: CommandState | null, stale: boolean): string {
  if (stale) return "The connection to the engine is lost";
  if (command === null) return "The engine has not said yet whether this is possible";
  return command.enabled ? "" : command.reason || "Not possible now";
}

const engine = (path: string, label: string, body: unknown = {}): Request => ({
  label,
  path: `/api/engine/${path}`,
  body,
});

export function startOffer(preset: string, mode: string): Offer {
  const request = engine("start", `Start ${preset}`, { preset, mode });
  const offer: Offer = { command: "start", label: "Start", what: "Begin to scan and to trade.", request };
  if (mode !== "live") return offer;
  const what = ["The engine will trade real money.", `The preset is ${preset}.`];
  request.body = { preset, mode, confirm: "LIVE" };
  return { ...offer, question: { title: "Start live trading?", what, word: "LIVE", act: "Start live" } };
}

export const PAUSE: Offer = {
  command: "pause",
  label: "Pause",
  what: "No new entries; open positions stay protected and managed.",
  request: engine("pause", "Pause"),
};

export const RESUME: Offer = {
  command: "resume",
  label: "Resume",
  what: "Take new entries again.",
  request: engine("resume", "Resume"),
};

export const STOP: Offer = {
  command: "stop",
  label: "Stop",
  what: "Cancel entries and end every task; positions keep their stops at the exchange.",
  request: engine("stop", "Stop"),
  question: {
    title: "Stop the engine?",
    what: [
      "Entry orders that rest are cancelled and scanning ends.",
      "Open positions keep their stops at the exchange, but nothing manages them until the next start.",
    ],
    word: "STOP",
    act: "Stop the engine",
  },
};

export const FLATTEN: Offer = {
  command: "flatten",
  label: "Flatten",
  what: "Cancel entries, close every position, and take no new entries.",
  request: { label: "Flatten", path: "/api/flatten", body: { confirm: "FLATTEN" } },
  question: {
    title: "Close every position?",
    what: [
      "Every entry order is cancelled and every position is closed with a reduce-only market order.",
      "The engine is paused afterwards. It does not latch: resume takes entries again.",
    ],
    word: "FLATTEN",
    act: "Flatten all",
  },
};

export const PANIC_EXIT: Offer = {
  command: "panic_exit",
  label: "Panic exit",
  what: "Close every position at once at the market.",
  request: engine("panic-exit", "Panic exit"),
  question: {
    title: "Panic exit?",
    what: ["Every position is closed at the market now, whatever the price."],
    word: "PANIC",
    act: "Exit everything",
  },
};

export const TIME_STOP: Offer = {
  command: "time_stop",
  label: "Time stop",
  what: "Close the positions that were held longest.",
  request: engine("time-stop", "Time stop"),
  question: {
    title: "Close what was held too long?",
    what: ["Every position held for the preset's stall time or longer is closed at the market."],
    word: "TIME",
    act: "Close the old ones",
  },
};

export function killOffer(reason = "kill switch pressed in the console"): Offer {
  return {
    command: "kill_switch",
    label: "Kill switch",
    what: "Cancel everything, close everything, and stay latched until a person resets it.",
    request: engine("kill-switch", "Kill switch", { reason }),
    question: {
      title: "Trip the kill switch?",
      what: [
        "Every order is cancelled and every position is closed.",
        "The engine stays latched in EMERGENCY until the exchange shows no position and no order, and a person resets it.",
      ],
      word: "KILL",
      act: "Trip the kill switch",
    },
  };
}

export const RESET: Offer = {
  command: "reset",
  label: "Reset",
  what: "Release the kill switch, or leave ERROR.",
  request: engine("reset", "Reset", { confirm: "RESET" }),
  question: {
    title: "Release the kill switch?",
    what: [
      "The engine goes to IDLE and can be started again.",
      "Make sure that you know why it was tripped.",
    ],
    word: "RESET",
    act: "Release it",
  },
};

export const RETRY: Offer = {
  command: "retry",
  label: "Retry",
  what: "Leave ERROR and go on where it was.",
  request: engine("retry", "Retry"),
};

export const RELOAD: Offer = {
  command: "reload",
  label: "Reload",
  what: "Read the configuration anew; only while nothing runs.",
  request: engine("reload", "Reload"),
};

export const RECONCILE: Offer = {
  command: "reconcile",
  label: "Ask the exchange",
  what: "Compare our book with the exchange's now.",
  request: { label: "Reconcile", path: "/api/reconcile", body: {} },
};

export const SCAN: Offer = {
  command: "scan",
  label: "Scan now",
  what: "Rank every symbol by its newest score.",
  request: { label: "Scan", path: "/api/scanner/scan", body: {} },
};

/** All that the overview lists, from the everyday to the last resort. */
export function allOffers(preset: string, mode: string): Offer[] {
  return [startOffer(preset, mode), PAUSE, RESUME, STOP, RETRY, RELOAD, TIME_STOP, FLATTEN, PANIC_EXIT, killOffer(), RESET];
}
