// The theme's colours for what is drawn on a canvas, as the browser resolves them.

const NAMES = {
  text: "--text",
  soft: "--soft",
  line: "--line",
  surface: "--surface",
  accent: "--accent",
  good: "--good",
  warn: "--warn",
  bad: "--bad",
  busy: "--busy",
  grid: "--chart-grid",
  up: "--chart-up",
  down: "--chart-down",
  level: "--chart-level",
} as const;

export type Palette = Record<keyof typeof NAMES, string>;

/** `light-dark()` is only resolved in a real property, so a probe's colour is read. */
export function palette(near: Element): Palette {
  const probe = document.createElement("i");
  (near.parentElement ?? document.body).append(probe);
  const style = getComputedStyle(probe);
  const found = {} as Palette;
  for (const [name, property] of Object.entries(NAMES) as [keyof Palette, string][]) {
    probe.style.color = `var(${property})`;
    found[name] = style.color;
  }
  probe.remove();
  return found;
}

/** The same colour, see-through: canvas libraries take rgba(). */
export function faded(colour: string, share: number): string {
  const parts = colour.match(/[\d.]+/g);
  return parts === null ? colour : `rgba(${parts.slice(0, 3).join(", ")}, ${share})`;
}
