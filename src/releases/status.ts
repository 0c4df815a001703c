import { realName } from "../cluster/alias-switch.ts";
import { RagctlError } from "../errors.ts";
import { releaseBefore, type AliasRecord } from "../sharding/alias-record.ts";
import { finishSwitch } from "./finish.ts";
import { placesOf, type ReleaseAccess } from "./access.ts";
import type { AliasStatus } from "./result.ts";

/** Every alias of a cluster, or one: what it stands for, for ragctl's clients and on each node. A switch that a dead process left is settled first. */
export async function releaseStatus(access: ReleaseAccess, alias?: string): Promise<AliasStatus[]> {
  const { state } = access;
  const records = (await state.aliases()).filter((record) => alias === undefined || record.alias === alias);
  return await Promise.all(
    records.map(async (record) => {
      const settled = await finishSwitch(access, record, "ingest status");
      const now = (await state.getAlias(record.alias)) ?? record;
      return Object.assign(described(now), { settled: settled?.outcome ?? null, nodes: await onNodes(access, now) });
    }),
  );
}

function described(record: AliasRecord): Omit<AliasStatus, "settled" | "nodes"> {
  const { alias, collection, releases, switch: open } = record;
  const before = releaseBefore(record);
  return {
    alias,
    collection,
    switching: open ? { to: open.to, phase: open.phase, done: open.done, nodes: open.nodes } : null,
    releases: releases.map((release) => ({
      id: release.id,
      collection: release.collection,
      state: release.collection === collection ? "serving" : release === before ? "before" : release.state,
      points: release.points ?? null,
      createdAtMs: release.createdAtMs,
      servedAtMs: release.servedAtMs ?? null,
    })),
  };
}

async function onNodes(access: ReleaseAccess, record: AliasRecord): Promise<AliasStatus["nodes"]> {
  return await Promise.all(
    [...(await placesOf(access, record))].map(async ([id, control]) => {
      try {
        const aliases = await control.listAliases();
        const collection = aliases.find(({ alias }) => alias === record.alias)?.collection ?? null;
        const behind = record.collection !== null && collection !== realName(aliases, record.collection);
        return { id, collection, problem: behind ? "behind" : null };
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        return { id, collection: null, problem: error.message };
      }
    }),
  );
}
