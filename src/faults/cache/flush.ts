import type { Redis } from "ioredis";
import { z } from "zod";
import type { Fault } from "../contract.ts";
import { openServers } from "./servers.ts";

const options = z.strictObject({
  everything: z
    .boolean()
    .default(false)
    .describe("all of the database, what is not under the cache's namespace included (FLUSHDB)"),
});

const pageKeys = 1_000;

/** The cache is empty from one moment to the next: every query misses. Nobody can undo it. */
export const cacheFlush: Fault<z.output<typeof options>> = {
  name: "cache-flush",
  details:
    "The cache forgets everything under its namespace from one moment to the next, and every query misses until it has filled again.",
  examples: [["ragctl chaos cache-flush --yes --confirm local", "every key of the cache is gone"]],
  targets: ["service"],
  scope: "cache",
  options,
  reversible: false,
  severe: true,
  healTimeoutMs: 1_000,

  prepare: async (_target, { everything }) => ({ everything }),

  async inject({ undo }, deps) {
    const servers = await openServers(deps);
    try {
      const { everything } = undo as { everything: boolean };
      await Promise.all(servers.masters().map((master) => (everything ? master.flushdb() : forget(master, servers.namespace))));
    } finally {
      servers.close();
    }
  },

  // What is gone is gone: there is nothing to undo, and nothing is left of the fault itself.
  heal: async () => undefined,
  probe: async () => "gone",
};

/** Deletes one server's keys of the namespace, page by page; others' keys stay. */
async function forget(master: Redis, namespace: string): Promise<void> {
  const match = `${namespace.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}:*`;
  let cursor = "0";
  do {
    const [next, keys] = await master.scan(cursor, "MATCH", match, "COUNT", pageKeys);
    // One by one: on a cluster, keys of one command must share a slot.
    const pipeline = master.pipeline();
    for (const key of keys) pipeline.unlink(key);
    await pipeline.exec();
    cursor = next;
  } while (cursor !== "0");
}
