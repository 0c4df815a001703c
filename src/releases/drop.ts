import { changeAlias } from "../cluster/alias-switch.ts";
import type { ClusterClient } from "../cluster/contract.ts";
import { RagctlError } from "../errors.ts";
import { dropRelease, type Release } from "../sharding/alias-record.ts";
import type { ReleaseAccess } from "./access.ts";

/**
 * Drops the collections of these releases, and then forgets them; one that cannot be dropped stays on the list, and is a warning.
 * @returns the collections that are gone
 */
export async function dropReleases(
  access: ReleaseAccess,
  client: Pick<ClusterClient, "dropCollection">,
  alias: string,
  releases: readonly Release[],
  ensure: () => void,
  warn: (text: string) => void,
): Promise<string[]> {
  const dropped: string[] = [];
  for (const { id, collection } of releases) {
    try {
      ensure();
      await client.dropCollection(collection);
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      warn(`release ${id} of ${alias} was not dropped, and is by the next release: ${error.message}`);
      continue;
    }
    const { refused } = await changeAlias(access.state, alias, (record) => dropRelease(record, id));
    if (refused === undefined) dropped.push(collection);
  }
  return dropped;
}
