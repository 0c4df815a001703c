import { join } from "node:path";
import { connectCluster } from "../../cluster/index.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import type { ObservedOperation } from "../../load/observe.ts";
import type { Clock, Rng } from "../../runtime.ts";
import { loadHashes } from "../../sharding/hash.ts";
import { Audit } from "./audit.ts";
import { WriteHistory } from "./history.ts";
import type { CheckedWrites } from "./result.ts";

export interface CheckerOptions {
  cluster: ClusterConfig;
  /** That are written to. What an operation names no collection for belongs to the first. */
  collections: readonly string[];
  /** Of the run: the histories are kept in a folder of it until the audit has ended. */
  dir: string;
}

export interface CheckerDeps {
  clock: Clock;
  rng: Rng;
  /** For the client's relative paths. */
  cwd: string;
  signal?: AbortSignal;
}

export interface Checker {
  /** What the operations of any writer and reader of the cluster asked and got; not later than a few seconds after it. */
  observe(operations: readonly ObservedOperation[]): void;
  /**
   * Once nothing is written any more, and before anything of it is deleted: holds every acknowledged change against every serving replica, and every read
   * against the changes before it. Ends the checker.
   * @throws RagctlError exit 3 where the cluster's state store cannot be reached
   */
  audit(): Promise<CheckedWrites>;
}

/** Watches the writes of a run, on disk, and audits them at its end. */
export async function openChecker({ cluster, collections, dir }: CheckerOptions, deps: CheckerDeps): Promise<Checker> {
  await loadHashes();
  const folder = join(dir, "writes");
  const histories = new Map(collections.map((name, index) => [name, new WriteHistory(join(folder, String(index)))]));
  const first = collections[0]!;
  return {
    observe(operations) {
      const byCollection = Map.groupBy(operations, ({ collection = first }) => collection);
      for (const [collection, some] of byCollection) histories.get(collection)?.observe(some);
    },
    async audit() {
      const { clock, rng, cwd, signal } = deps;
      const client = await connectCluster(cluster, { clock, rng, cwd, purpose: "write checker" });
      try {
        let found: CheckedWrites | undefined;
        for (const [collection, history] of histories) {
          history.end();
          const one = await new Audit(collection, history, { client, clock, ...(signal && { signal }) }).run(history);
          found = found ? together(found, one) : one;
        }
        for (const history of histories.values()) history.remove();
        return found!;
      } finally {
        await client.close();
      }
    },
  };
}

function together(a: CheckedWrites, b: CheckedWrites): CheckedWrites {
  const sum = Object.fromEntries(
    Object.entries(a).map(([name, value]) => [
      name,
      typeof value === "number" ? value + (b[name as keyof CheckedWrites] as number) : value,
    ]),
  );
  return {
    ...(sum as CheckedWrites),
    notServing: [...new Set([...a.notServing, ...b.notServing])],
    examples: [...a.examples, ...b.examples].slice(0, 20),
  };
}
