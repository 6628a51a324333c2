// What this browser remembers: looks and choices, never a secret.

export type Theme = "system" | "light" | "dark";

function recall(name: string): string | null {
  try {
    return localStorage.getItem(`breakout.${name}`);
  } catch {
    return null; // storage may be switched off: then nothing is remembered
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`breakout.${name}`, value);
  } catch {
    // as above
  }
}

class Prefs {
  theme = $state<Theme>(themeOf(recall("theme")));
  preset = $state(recall("preset") ?? "breakout_v1"); // to start with next
  private readonly systemDark = matchMedia("(prefers-color-scheme: dark)");
  private dark = $state(this.systemDark.matches);

  readonly isDark = $derived(this.theme === "system" ? this.dark : this.theme === "dark");

  constructor() {
    this.systemDark.addEventListener("change", (event) => (this.dark = event.matches));
    this.apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    remember("theme", theme);
    this.apply();
  }

  /** Whether to ask for the session of an earlier visit: asking in vain is an error. */
  get wasSignedIn(): boolean {
    return recall("signedIn") === "yes";
  }

  noteSignedIn(yes: boolean): void {
    remember("signedIn", yes ? "yes" : "no");
  }

  setPreset(name: string): void {
    this.preset = name;
    remember("preset", name);
  }

  private apply(): void {
    if (this.theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

function themeOf(text: string | null): Theme {
  return text === "light" || text === "dark" ? text : "system";
}

export const prefs = new Prefs();
