// A search field's text, taken when the typing pauses: each letter is no question.

const PAUSE_MS = 350;

export class Search {
  text = $state("");
  settled = $state("");
  private timer: ReturnType<typeof setTimeout> | undefined;

  type(text: string): void {
    this.text = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.settled = text.trim()), PAUSE_MS);
  }

  /** `?search=…` or `&search=…`, or nothing. */
  query(before: string): string {
    return this.settled === "" ? "" : `${before}search=${encodeURIComponent(this.settled)}`;
  }
}

/** Give the rows at hand as a file; nothing leaves the browser. */
export function save(name: string, rows: readonly object[]): void {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(rows, null, 1)}\n`], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
