import type { ClusterConfig } from "../../config/schema.ts";
import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import { openServers, type CacheServer } from "../nodes.ts";
import { keysOf, parseInfo } from "../redis-info.ts";
import type { RedisLink } from "../redis-link.ts";
import type { CacheInvalidateResult } from "./result.ts";
import { matchingKeys, unlinkKeys } from "./server.ts";

export { invalidatePatterns } from "./patterns.ts";

export interface InvalidateOptions {
  patterns: readonly string[];
  dryRun: boolean;
  /** Keys a second at most, over all servers. */
  ratePerSec: number;
  clock: Clock;
  signal: AbortSignal;
  /** Told after the dry run what would go; throws where it shall not. */
  confirm: (matched: CacheInvalidateResult) => Promise<void>;
  onProgress?: (unlinked: number, matched: number) => void;
}

type NodeResult = CacheInvalidateResult["nodes"][number];
const shownExamples = 5;

/**
 * Removes keys by glob from every server of a cache: first it counts them, then asks, then removes them at a limited rate.
 * @throws RagctlError exit 2 where there is no Redis, exit 3 where it does not answer, and what `confirm` throws
 */
export async function invalidate(
  cluster: Pick<ClusterConfig, "cache" | "name">,
  options: InvalidateOptions,
): Promise<CacheInvalidateResult> {
  const { patterns, dryRun, clock, signal } = options;
  const { link, servers } = await openServers(cluster, clock);
  try {
    const counted = await Promise.all(servers.map((each) => countKeys(each, link, patterns, signal)));
    const result = (nodes: NodeResult[], dry: boolean): CacheInvalidateResult => ({
      cluster: cluster.name,
      patterns: [...patterns],
      dryRun: dry,
      matched: counted.reduce((sum, { node }) => sum + node.matched, 0),
      unlinked: nodes.reduce((sum, { unlinked }) => sum + unlinked, 0),
      failed: nodes.reduce((sum, { failed }) => sum + failed, 0),
      nodes,
      examples: counted.flatMap(({ examples }) => examples).slice(0, shownExamples),
    });
    const found = result(
      counted.map(({ node }) => node),
      true,
    );
    if (dryRun || found.matched === 0) return { ...found, dryRun };
    await options.confirm(found);
    // Together they keep to the rate.
    const each = { ...options, ratePerSec: options.ratePerSec / servers.length };
    const progress = servers.map(() => 0);
    const nodes = await Promise.all(
      servers.map((server, at) =>
        removeKeys(server, link, counted[at]!.node, each, (unlinked) => {
          progress[at] = unlinked;
          options.onProgress?.(
            progress.reduce((sum, count) => sum + count, 0),
            found.matched,
          );
        }),
      ),
    );
    return result(nodes, false);
  } finally {
    link.close();
  }
}

async function countKeys(
  each: CacheServer,
  { ask }: RedisLink,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<{ node: NodeResult; examples: string[] }> {
  const examples: string[] = [];
  let matched = 0;
  const scanned = keysOf(parseInfo(await ask(() => each.server.info("keyspace"))));
  for (const pattern of patterns) {
    // A table that is being resized shows some keys twice; of this pass alone the keys are remembered by their number.
    for await (const keys of matchingKeys(each, ask, pattern, signal)) {
      matched += keys.length;
      examples.push(...keys.slice(0, shownExamples - examples.length));
    }
  }
  const node = { address: each.address, scanned, matched, unlinked: 0, failed: 0, problem: null };
  return { node, examples };
}

/** Where a server is lost half-way, the others go on, and the result says what is left. */
async function removeKeys(
  each: CacheServer,
  link: RedisLink,
  counted: NodeResult,
  { patterns, ratePerSec, clock, signal }: InvalidateOptions,
  onUnlinked: (unlinked: number) => void,
): Promise<NodeResult> {
  const node = { ...counted };
  const startUs = clock.monotonicUs();
  try {
    for (const pattern of patterns)
      for await (const keys of matchingKeys(each, link.ask, pattern, signal)) {
        const { unlinked, failed, problem } = await unlinkKeys(each, link, keys);
        node.unlinked += unlinked;
        node.failed += failed;
        node.problem = problem ?? node.problem;
        onUnlinked(node.unlinked);
        const dueUs = startUs + ((node.unlinked + node.failed) / ratePerSec) * 1e6;
        const aheadMs = (dueUs - clock.monotonicUs()) / 1000;
        if (aheadMs > 1) await clock.sleep(aheadMs, signal);
      }
  } catch (error) {
    if (!(error instanceof RagctlError)) throw error;
    node.problem = error.message;
    node.failed = Math.max(node.failed, node.matched - node.unlinked);
  }
  return node;
}
