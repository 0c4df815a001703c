import { parseCollectionName } from "../src/config/collection-name.ts";
import { parseDurationMs, parseFraction, parseRatePerSec, parseSizeBytes } from "../src/units.ts";

/** One option of a command. `parse` throws a plain sentence, which main() collects with every other problem. */
export interface FlagSpec<T> {
  kind: "value" | "boolean" | "list";
  /** What stands for the value in `--help`: `duration`, `file`. */
  placeholder: string;
  description: string;
  parse: (text: string) => unknown;
  default?: T;
  required?: boolean;
  /** A hidden twin, such as a short letter: `-o`. */
  short?: string;
}

export type Flags = Record<string, FlagSpec<unknown>>;
export type FlagValues<F extends Flags> = { [K in keyof F]: F[K] extends FlagSpec<infer T> ? T : never };

interface Options<T> {
  description: string;
  placeholder?: string;
  short?: string;
  default?: T;
}

function valueFlag<P>(placeholder: string, parse: (text: string) => P) {
  function build(options: Options<P> & { default: P }): FlagSpec<P>;
  function build(options: Options<P> & { required: true }): FlagSpec<P>;
  function build(options: Options<P>): FlagSpec<P | undefined>;
  function build(options: Options<P>): FlagSpec<P | undefined> {
    return { kind: "value", placeholder, parse, ...options };
  }
  return build;
}

function parseCount(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === "")
    throw new Error(`expected a whole number of zero or more, got "${text}"`);
  return value;
}

function parsePositive(text: string): number {
  const value = parseCount(text);
  if (value === 0) throw new Error("expected a whole number above zero, got 0");
  return value;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || text.trim() === "") throw new Error(`expected a number, got "${text}"`);
  return value;
}

function parsePositiveDurationMs(text: string): number {
  const value = parseDurationMs(text);
  if (value <= 0) throw new Error(`expected a duration above zero, got "${text}"`);
  return value;
}

function parseList(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw new Error(`expected names separated by commas, got "${text}"`);
  return parts;
}

/** The kinds of flag there are. Names in a command's `flags` are camelCase and become `--kebab-case`. */
export const flag = {
  string: valueFlag("text", (text) => text),
  file: valueFlag("file", (text) => text),
  /** A name that a store takes for a collection. */
  collection: valueFlag("name", parseCollectionName),
  /** Whole number ≥ 0. */
  count: valueFlag("n", parseCount),
  /** Whole number ≥ 1. */
  positive: valueFlag("n", parsePositive),
  number: valueFlag("x", parseNumber),
  /** Milliseconds, ≥ 0. */
  durationMs: valueFlag("duration", parseDurationMs),
  /** Milliseconds, > 0. */
  positiveDurationMs: valueFlag("duration", parsePositiveDurationMs),
  bytes: valueFlag("size", parseSizeBytes),
  /** Per second, > 0. */
  ratePerSec: valueFlag("rate", parseRatePerSec),
  fraction: valueFlag("fraction", parseFraction),
  boolean: (options: { description: string; short?: string }): FlagSpec<boolean> => ({
    kind: "boolean",
    placeholder: "",
    parse: () => true,
    default: false,
    ...options,
  }),
  /** May be given several times; each occurrence may hold several, separated by commas. */
  list: (options: { description: string; placeholder?: string; short?: string }): FlagSpec<string[]> => ({
    kind: "list",
    placeholder: "a,b,…",
    parse: parseList,
    default: [],
    ...options,
  }),
  /** May be given several times; each occurrence is one value, commas and all. */
  repeated: (options: { description: string; placeholder?: string; short?: string }): FlagSpec<string[]> => ({
    kind: "list",
    placeholder: "text",
    parse: (text) => [text],
    default: [],
    ...options,
  }),
  choice: <const C extends string>(choices: readonly C[], options: Options<C> & { default?: C }): FlagSpec<C | undefined> =>
    valueFlag(choices.join("|"), (text): C => {
      const found = choices.find((choice) => choice === text);
      if (!found) throw new Error(`expected one of ${choices.join(", ")}, got "${text}"`);
      return found;
    })(options),
};

/** `restartAfter` → `restart-after`: a flag as it is typed. */
export function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
