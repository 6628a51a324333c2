// Every page: its path, its name in the navigation, and where its code is.
// Each is a chunk of its own, so that a phone loads only what it shows.

import type { Component } from "svelte";

export interface PageEntry {
  path: string; // the first part of the address; the server knows the same list
  title: string;
  icon: string;
  group: "Watch" | "Trade" | "Review" | "Configure";
  load: () => Promise<{ default: Component }>;
}

export const PAGES: readonly PageEntry[] = [
  { path: "", title: "Overview", icon: "overview", group: "Watch", load: () => import("./pages/Overview.svelte") },
  { path: "symbols", title: "Symbols", icon: "symbols", group: "Watch", load: () => import("./pages/Symbols.svelte") },
  { path: "funnel", title: "Scanner funnel", icon: "funnel", group: "Watch", load: () => import("./pages/Funnel.svelte") },
  { path: "positions", title: "Positions & orders", icon: "positions", group: "Trade", load: () => import("./pages/Positions.svelte") },
  { path: "risk", title: "Risk", icon: "risk", group: "Trade", load: () => import("./pages/Risk.svelte") },
  { path: "reconcile", title: "Reconcile", icon: "reconcile", group: "Trade", load: () => import("./pages/Reconcile.svelte") },
  { path: "performance", title: "Performance", icon: "performance", group: "Review", load: () => import("./pages/Performance.svelte") },
  { path: "records", title: "Incidents, logs, audit", icon: "records", group: "Review", load: () => import("./pages/Records.svelte") },
  { path: "presets", title: "Presets", icon: "presets", group: "Configure", load: () => import("./pages/Presets.svelte") },
  { path: "settings", title: "Settings", icon: "settings", group: "Configure", load: () => import("./pages/Settings.svelte") },
];

const MISSING: PageEntry = {
  path: "?",
  title: "No such page",
  icon: "overview",
  group: "Watch",
  load: () => import("./pages/Missing.svelte"),
};

export function pageOf(path: string): PageEntry {
  return PAGES.find((page) => page.path === path) ?? MISSING;
}
