import type { ClusterConfig } from "../config/schema.ts";
import { usageError, type Problem } from "../errors.ts";
import { parseRatePerSec, parseSizeBytes } from "../units.ts";
import type { Capacity } from "../sharding/plan/balance.ts";

/** `d=http://…` → its id and URL; the URL may be left out. */
export function parseAdded(texts: readonly string[]): { id: string; url?: string }[] {
  return texts.map((text) => {
    const at = text.search(/=https?:\/\//);
    return at === -1 ? { id: text } : { id: text.slice(0, at), url: text.slice(at + 1) };
  });
}

/** `a=z1` → node and value. The last `=` counts: the names of nodes may hold others. @throws RagctlError exit 2 */
export function parsePairs(flagName: string, texts: readonly string[]): Record<string, string> {
  const problems: Problem[] = [];
  const pairs = texts.map((text) => {
    const at = text.lastIndexOf("=");
    if (at <= 0 || at === text.length - 1) problems.push({ path: flagName, message: `expected NODE=VALUE, got "${text}"` });
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  if (problems.length > 0) throw usageError(problems);
  return Object.fromEntries(pairs);
}

/** `a=2` → weights above zero. @throws RagctlError exit 2 */
export function parseWeights(texts: readonly string[]): Record<string, number> {
  const problems: Problem[] = [];
  const weights = Object.entries(parsePairs("--weight", texts)).map(([id, text]) => {
    const weight = Number(text);
    if (!(weight > 0) || !Number.isFinite(weight))
      problems.push({ path: "--weight", message: `expected a number above zero, got "${text}"` });
    return [id, weight] as const;
  });
  if (problems.length > 0) throw usageError(problems);
  return Object.fromEntries(weights);
}

const countUnits: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** `5M` → 5,000,000. @throws Error with a plain sentence */
export function parsePointCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text.trim().replaceAll("_", ""));
  if (!match) throw new Error(`expected a number of points such as 20000 or 5M, got "${text}"`);
  return Math.round(Number(match[1]) * countUnits[match[2]!.toLowerCase()]!);
}

const capacityParts: Record<string, (text: string) => Capacity> = {
  points: (text) => ({ points: parsePointCount(text) }),
  bytes: (text) => ({ bytes: parseSizeBytes(text) }),
  queries: (text) => ({ queriesPerSec: parseRatePerSec(text) }),
};

/** `n1=points:5M,bytes:20GiB,queries:500/s`, once a node. @throws RagctlError exit 2 with every mistake */
export function parseCapacities(texts: readonly string[]): Map<string, Capacity> {
  const problems: Problem[] = [];
  const result = new Map<string, Capacity>();
  for (const text of texts) {
    const at = text.indexOf("=");
    const id = text.slice(0, at);
    const capacity: Capacity = { ...result.get(id) };
    for (const part of at <= 0 ? [text] : text.slice(at + 1).split(",")) {
      const [name = "", value = ""] = part.split(/:(.*)/s);
      const parse = at <= 0 ? undefined : capacityParts[name.trim()];
      try {
        if (!parse) throw new Error(`expected NODE=points:N,bytes:SIZE,queries:RATE, got "${text}"`);
        Object.assign(capacity, parse(value));
      } catch (error) {
        problems.push({ path: "--capacity", message: (error as Error).message });
      }
    }
    result.set(id, capacity);
  }
  if (problems.length > 0) throw usageError(problems);
  return result;
}

/** What the config says that each node can take, where it says so. */
export function configuredCapacities({ nodes }: Pick<ClusterConfig, "nodes">): Map<string, Capacity> {
  return new Map(
    nodes.flatMap(({ id, capacity }): [string, Capacity][] => {
      if (!capacity) return [];
      const { points, bytes, queries } = capacity;
      return [
        [
          id,
          {
            ...(points !== undefined && { points }),
            ...(bytes !== undefined && { bytes }),
            ...(queries !== undefined && { queriesPerSec: queries }),
          },
        ],
      ];
    }),
  );
}
