import { connectCluster } from "../../cluster/index.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock, Rng } from "../../runtime.ts";
import type { Filter } from "../../stores/contract.ts";
import { runField } from "./run-key.ts";

const pageSize = 500;
/** A write that was not answered in time may still have landed after the first look. */
const looks = 3;

/** What a load run wrote, as a filter. */
function writtenBy(tag: string): Filter {
  return { must: [{ key: runField, match: { value: tag } }] };
}

/**
 * Deletes every point that a run wrote, and looks again until there are none.
 * @returns how many there were
 * @throws RagctlError exit 5 where some are left
 */
export async function deleteWrites(
  { cluster, collection, tag }: { cluster: ClusterConfig; collection: string; tag: string },
  deps: { clock: Clock; rng: Rng; cwd: string },
): Promise<number> {
  const client = await connectCluster(cluster, { ...deps, purpose: "load clean-up" });
  let deleted = 0;
  try {
    for (let look = 0; look < looks; look++) {
      const keys: string[] = [];
      for await (const page of client.scroll(collection, { filter: writtenBy(tag), pageSize, withPayload: false }))
        keys.push(...page.map(({ key }) => key));
      if (keys.length === 0 && look > 0) return deleted;
      for (let from = 0; from < keys.length; from += pageSize)
        deleted += (await client.delete(collection, keys.slice(from, from + pageSize))).acknowledged.length;
    }
    const left = await client.count(collection, writtenBy(tag));
    if (left === 0) return deleted;
    throw leftOver(collection, tag, `${left} are still there`);
  } catch (error) {
    if (error instanceof RagctlError && error.code === "writes-left") throw error;
    throw leftOver(collection, tag, (error as Error).message);
  } finally {
    await client.close();
  }
}

function leftOver(collection: string, tag: string, why: string): RagctlError {
  return new RagctlError(`the points that this run wrote to "${collection}" could not all be deleted: ${why}`, {
    code: "writes-left",
    exitCode: ExitCode.unhealed,
    hint: `They carry ${runField} = "${tag}" in their payload: delete them by that filter.`,
  });
}
