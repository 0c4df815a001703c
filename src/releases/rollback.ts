import { ExitCode, RagctlError } from "../errors.ts";
import { releaseBefore, type AliasRecord } from "../sharding/alias-record.ts";
import type { RollbackResult } from "./result.ts";
import { alignNodes, settle, switchAlias, withAlias, type SwitchDeps } from "./switch.ts";

/**
 * Switches an alias back to the release that served before, or to one that is named; first finishes or undoes a switch that was left.
 * @throws RagctlError exit 7 where there is nothing to go back to, or a node of it is stale
 */
export async function rollback(spec: { alias: string; to: string | undefined }, deps: SwitchDeps): Promise<RollbackResult> {
  const { access } = deps;
  const { alias } = spec;
  return await withAlias(access, alias, "ingest rollback", async (lock) => {
    const { outcome } = await settle(access, alias, lock);
    const record = await access.state.getAlias(alias);
    const { collection } = targetOf(record, spec, access.cluster.name);
    if (record) await alignNodes(access, record, lock);
    const switched = await switchAlias({ alias, to: collection, kind: "rollback", replaces: false }, deps, lock);
    return { cluster: access.cluster.name, settled: outcome ?? null, switch: switched };
  });
}

function targetOf(record: AliasRecord | undefined, { alias, to }: { alias: string; to: string | undefined }, cluster: string) {
  if (!record)
    throw new RagctlError(`Cluster ${cluster} has no releases of ${alias}.`, {
      code: "no-releases",
      exitCode: ExitCode.usage,
      hint: `ragctl ingest PATH --into-new --collection ${alias} makes one.`,
    });
  const others = record.releases.filter(({ state, collection }) => state === "ready" && collection !== record.collection);
  const found = to === undefined ? releaseBefore(record) : others.find(({ id, collection }) => id === to || collection === to);
  if (found) return found;
  const named =
    to === undefined ? `No release served as ${alias} before the one that serves now` : `${alias} has no release ${to} to go to`;
  throw new RagctlError(`${named}, or it is not kept.`, {
    code: "no-release-before",
    exitCode: ExitCode.refused,
    hint:
      others.length === 0
        ? "--keep of ragctl ingest --into-new says how many stay."
        : `--to takes ${others.map(({ id }) => id).join(", ")}.`,
  });
}
