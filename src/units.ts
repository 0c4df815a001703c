/** Parsing and printing of the units that flags, config and reports share. Every parser throws a plain sentence. */

const durationMs: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeBytes: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const ratePerSecond: Record<string, number> = { "": 1, s: 1, m: 1 / 60, h: 1 / 3600 };

/** `250ms`, `10s`, `1.5m`, `1h30m` → milliseconds. A bare number is refused: its unit would be a guess. */
export function parseDurationMs(text: string): number {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d)/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text.trim())
    throw new Error(`expected a duration such as 250ms, 10s or 1h30m, got "${text}"`);
  return parts.reduce((sum, part) => sum + Number(part[1]) * durationMs[part[2]!]!, 0);
}

/** `64MiB`, `2GB`, `512` → bytes. */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)$/i.exec(text.trim());
  const unit = match && sizeBytes[match[2]!.toLowerCase()];
  if (!match || unit === undefined || unit === null) throw new Error(`expected a size such as 512, 64MiB or 2GB, got "${text}"`);
  return Math.round(Number(match[1]) * unit);
}

/** `500`, `500/s`, `30/m` → per second. Must be above zero. */
export function parseRatePerSec(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/(s|m|h))?$/.exec(text.trim());
  const rate = match ? Number(match[1]) * ratePerSecond[match[2] ?? ""]! : Number.NaN;
  if (!(rate > 0)) throw new Error(`expected a rate above zero such as 500, 500/s or 30/m, got "${text}"`);
  return rate;
}

/** `1MiB/s`, `64KiB/s`, `1000` → bytes per second. Must be above zero. */
export function parseBytesPerSec(text: string): number {
  const size = /^(.*?)(?:\/s)?$/.exec(text.trim())![1]!;
  let bytes = 0;
  try {
    bytes = parseSizeBytes(size);
  } catch {
    // Said below, with the unit that was wanted.
  }
  if (bytes === 0) throw new Error(`expected a rate above zero such as 1MiB/s or 64KiB/s, got "${text}"`);
  return bytes;
}

/** `0.1%` → 0.001; `0.001` → 0.001. */
export function parseFraction(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  if (!match) throw new Error(`expected a fraction such as 0.95 or 0.1%, got "${text}"`);
  // toPrecision undoes the division's rounding: 99.99% is 0.9999, not 0.9998999….
  return match[2] ? Number((Number(match[1]) / 100).toPrecision(15)) : Number(match[1]);
}

/** Milliseconds → the shortest text that `parseDurationMs` reads back exactly: 3600000 → `1h`, 1500 → `1500ms`. */
export function durationInput(ms: number): string {
  const [unit, size] = Object.entries(durationMs)
    .toReversed()
    .find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}

/** Bytes → the shortest text that `parseSizeBytes` reads back exactly: 67108864 → `64MiB`. */
export function sizeInput(bytes: number): string {
  const [unit, size] = (["TiB", "GiB", "MiB", "KiB"] as const)
    .map((name): [string, number] => [name, sizeBytes[name.toLowerCase()]!])
    .find(([, each]) => bytes >= each && bytes % each === 0) ?? ["", 1];
  return `${bytes / size}${unit}`;
}

/** 0.4 ms, 12.3 ms, 1.20 s, 3 m 20 s: three significant digits, the unit a reader expects. */
export function formatDurationUs(us: number): string {
  if (!Number.isFinite(us)) return "∞";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${digits(us / 1000)} ms`;
  if (us < 120_000_000) return `${digits(us / 1_000_000)} s`;
  const seconds = Math.round(us / 1_000_000);
  if (seconds < 7200) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
}

export function formatDurationMs(ms: number): string {
  return formatDurationUs(ms * 1000);
}

/** 512 B, 1.50 MiB. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

/** 1234567 → 1,234,567. */
export function formatCount(count: number): string {
  const whole = Math.round(count);
  // Not toLocaleString where it can be helped: its first call takes 15 ms.
  return Number.isSafeInteger(whole) ? `${whole}`.replaceAll(/\B(?=(?:\d{3})+$)/g, ",") : whole.toLocaleString("en-US");
}

/** `plural(1, "document")` → 1 document; `plural(1200, "query")` → 1,200 queries. Regular nouns only. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${Math.round(count) === 1 ? noun : pluralOf(noun)}`;
}

function pluralOf(noun: string): string {
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(?:[sx]|[cs]h)$/.test(noun) ? `${noun}es` : `${noun}s`;
}

/** 0.12345 → 12.3 %. */
export function formatPercent(fraction: number): string {
  return `${digits(fraction * 100)} %`;
}

/** As many nines as there are, and the digits after them: 0.99984 → 99.984 %. */
export function formatAvailability(share: number): string {
  if (share >= 1) return "100 %";
  const nines = Math.min(9, Math.max(0, Math.floor(-Math.log10(1 - share) + 1e-9)));
  return `${(Math.floor(share * 10 ** (nines + 2)) / 10 ** nines).toFixed(nines)} %`;
}

export function formatRate(perSec: number): string {
  return `${perSec >= 1000 ? formatCount(perSec) : digits(perSec)}/s`;
}

function digits(value: number): string {
  if (value === 0) return "0";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
