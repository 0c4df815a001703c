import { routedPlaces } from "../cluster/alias-keeper.ts";
import { aliasLock, type AliasPlaces } from "../cluster/alias-switch.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import { openAccess, type MigrationAccess, type MigrationRuntime } from "../migration/access.ts";
import { deadHere, holdLock, type HeldLock } from "../migration/lock.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import type { StoreControl } from "../stores/contract.ts";
import { driverFor } from "../stores/index.ts";

/** The one place of a cluster that shards by itself: its aliases are the whole cluster's. */
export const wholeCluster = "cluster";

/** A cluster of either topology, opened for switching its aliases: its state store, and a connection to every node. */
export type ReleaseAccess = MigrationAccess;

/** @throws RagctlError exit 2 for what the config has wrong, 3 where the state store cannot be reached */
export async function openReleases(cluster: ClusterConfig, runtime: MigrationRuntime): Promise<ReleaseAccess> {
  const driver = driverFor(cluster);
  if (!driver.capabilities.supportsAliases)
    throw new RagctlError(`Stores of the kind ${driver.name} have no aliases, and so no releases.`, {
      code: "aliases-unsupported",
      exitCode: 2,
      hint: "Ingest into the collection itself, without --into-new.",
    });
  return await openAccess(cluster, runtime);
}

/** Every place that must have the alias: each node of a routed cluster; of a native one the cluster as a whole. */
export async function placesOf(access: ReleaseAccess, record: AliasRecord): Promise<Map<string, AliasControl>> {
  const { cluster, state, nodes } = access;
  if (cluster.topology === "native") return new Map([[wholeCluster, anyOf(nodes.all.map(({ control }) => control))]]);
  return new Map(await routedPlaces(state, nodes, record));
}

type AliasControl = AliasPlaces extends ReadonlyMap<string, infer C> ? C : never;

/** What one peer decides, all know: asks one after the other until one can be reached. */
function anyOf(controls: readonly StoreControl[]): AliasControl {
  const ask = async <T>(use: (control: StoreControl) => Promise<T>): Promise<T> => {
    let last: unknown;
    for (const control of controls) {
      try {
        return await use(control);
      } catch (error) {
        if (!(error instanceof RagctlError) || error.code !== "node-unreachable") throw error;
        last = error;
      }
    }
    throw last;
  };
  return {
    listAliases: () => ask((control) => control.listAliases()),
    updateAliases: (actions) => ask((control) => control.updateAliases(actions)),
    listCollections: () => ask((control) => control.listCollections()),
    deleteCollection: (name) => ask((control) => control.deleteCollection(name)),
  };
}

/** The lock of whoever switches this alias. @throws RagctlError exit 7 saying who holds it */
export function holdAliasLock(access: ReleaseAccess, alias: string, purpose: string): Promise<HeldLock> {
  return hold(access, aliasLock(alias), purpose);
}

/** The lock of whoever builds a release of this alias: two builds at once would drop each other's work. */
export function holdBuildLock(access: ReleaseAccess, alias: string, purpose: string): Promise<HeldLock> {
  return hold(access, `build:${alias}`, purpose);
}

function hold(access: ReleaseAccess, name: string, purpose: string): Promise<HeldLock> {
  const { state, runtime, requestTimeoutMs } = access;
  const me = access.owner(purpose);
  return holdLock(state, { name, owner: me, clock: runtime.clock, requestTimeoutMs, isDead: deadHere(me.host) });
}
