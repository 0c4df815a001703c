import { formatCount, formatDurationUs } from "../../units.ts";

/** A round duration for an axis: 500 µs, 2 ms, 10 s. */
export function axisDuration(us: number): string {
  if (us === 0) return "0";
  return formatDurationUs(us)
    .replace(/(\.\d*?)0+(?= )/, "$1")
    .replace(/\.(?= )/, "");
}

/** A round count for an axis: 200, 5k, 2M. */
export function axisCount(count: number): string {
  if (count >= 1e6) return `${Number((count / 1e6).toPrecision(3))}M`;
  if (count >= 10_000) return `${Number((count / 1e3).toPrecision(3))}k`;
  return count >= 1 || count === 0 ? formatCount(count) : String(Number(count.toPrecision(3)));
}

/** Seconds since the measurement began: 0:07, 12:30, 1:02:03. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function duration(us: number | null | undefined): string {
  return us === null || us === undefined ? "–" : formatDurationUs(us);
}

/** 0.999 → p99.9; 1 → max. */
export function quantileName(q: number): string {
  return q >= 1 ? "max" : `p${Number((q * 100).toPrecision(8))}`;
}

/** At most `most` characters, the end replaced by an ellipsis. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Two decimals of a pixel are plenty. */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}
