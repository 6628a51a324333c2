// How figures are written. UNKNOWN (null) is a dash, never a zero.

export const UNKNOWN = "–";
type Figure = number | null | undefined;

const known = (value: Figure): value is number => value != null && Number.isFinite(value);

export function fixed(value: Figure, digits = 2): string {
  return known(value) ? grouped(value, digits) : UNKNOWN;
}

function grouped(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  const [whole = "0", rest] = text.split(".");
  const parts = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const sign = value < 0 && Number(text) !== 0 ? "−" : "";
  return rest === undefined ? sign + parts : `${sign}${parts}.${rest}`;
}

/** A price with as many digits as its size asks for: 64 210.5, 0.01234. */
export function price(value: Figure): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 10_000) return grouped(value, 1);
  if (size >= 100) return grouped(value, 2);
  if (size >= 1) return grouped(value, 4);
  if (size === 0) return "0";
  return value.toPrecision(5).replace("-", "−");
}

export function quantity(value: Figure): string {
  if (!known(value)) return UNKNOWN;
  if (Math.abs(value) >= 1000) return grouped(value, 0);
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

export function signed(value: Figure, digits = 2): string {
  if (!known(value)) return UNKNOWN;
  const text = grouped(value, digits);
  return value > 0 && Number(value.toFixed(digits)) !== 0 ? `+${text}` : text;
}

export const r = (value: Figure): string => (known(value) ? `${signed(value)}\u202fR` : UNKNOWN);

export const usd = (value: Figure, digits = 2): string =>
  known(value) ? `${grouped(value, digits)}\u202f$` : UNKNOWN;

export const usdSigned = (value: Figure, digits = 2): string =>
  known(value) ? `${signed(value, digits)}\u202f$` : UNKNOWN;

/** `ratio` is a fraction: 0.05 is 5 %. */
export const percent = (ratio: Figure, digits = 1): string =>
  known(ratio) ? `${grouped(ratio * 100, digits)}\u202f%` : UNKNOWN;

export const percentSigned = (ratio: Figure, digits = 1): string =>
  known(ratio) ? `${signed(ratio * 100, digits)}\u202f%` : UNKNOWN;

/** How long: 850 ms, 12 s, 4 min 05 s, 3 h 12 min, 2 d 4 h. */
export function span(milliseconds: Figure): string {
  if (!known(milliseconds)) return UNKNOWN;
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

const two = (value: number): string => String(value).padStart(2, "0");

type Moment = number | string | null | undefined;

function iso(moment: Moment): string | null {
  if (moment == null) return null;
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** 12:03:04 in UTC, as everything here. */
export const clock = (moment: Moment): string => iso(moment)?.slice(11, 19) ?? UNKNOWN;

/** 11-28 12:03:04. */
export function stamp(moment: Moment): string {
  const text = iso(moment);
  return text === null ? UNKNOWN : `${text.slice(5, 10)} ${text.slice(11, 19)}`;
}

/** 2026-11-28 12:03:04. */
export function full(moment: Moment): string {
  const text = iso(moment);
  return text === null ? UNKNOWN : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

/** A figure that came as text, with five digits at most; other text as it is. */
export function brief(text: string): string {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return text || UNKNOWN;
  return Number.isInteger(value) ? fixed(value, 0) : String(Number(value.toPrecision(5))).replace("-", "−");
}

/** open_positions -> open positions. */
export const spaced = (name: string): string => name.replaceAll("_", " ");

export function byteSize(value: Figure): string {
  if (!known(value)) return UNKNOWN;
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${grouped(value / 1024, 1)} KiB`;
  if (value < 1024 ** 3) return `${grouped(value / 1024 ** 2, 1)} MiB`;
  return `${grouped(value / 1024 ** 3, 2)} GiB`;
}
