import { changeAlias } from "../cluster/alias-switch.ts";
import type { ClusterClient } from "../cluster/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { HeldLock } from "../migration/lock.ts";
import { addRelease, markReady, prunable, type AliasRecord, type Release } from "../sharding/alias-record.ts";
import { holdBuildLock, placesOf, wholeCluster, type ReleaseAccess } from "./access.ts";
import { dropReleases } from "./drop.ts";
import type { ReleaseOutcome, SwitchResult, Verification } from "./result.ts";
import { nameTaken, settle, switchAlias, switchResult, withAlias, type StepJournal } from "./switch.ts";
import { verifyRelease } from "./verify.ts";

export interface BuildSpec {
  alias: string;
  /** Of the release; its collection is `<alias>-<id>`. */
  id: string;
  /** Releases that have served and stay, beside the one that serves. */
  keep: number;
  /** A collection of the alias's own name gives way. */
  replaceCollection: boolean;
  minRecall: number;
  queries: number;
  indexPatienceMs: number;
}

export interface BuildDeps {
  access: ReleaseAccess;
  client: ClusterClient;
  journal: StepJournal;
  signal: AbortSignal;
  note: (text: string) => void;
  warn: (text: string) => void;
}

/** A release that is being built: what an ingest writes into, and what becomes of it. */
export interface Build {
  collection: string;
  /** Verifies it and switches to it. `expected`: points that it must hold. */
  publish(expected: number | undefined): Promise<ReleaseOutcome>;
  /** It is not switched to, for this reason. */
  abandon(reason: string): ReleaseOutcome;
  close(): Promise<void>;
}

/** For people, and for a collection's name: which release. */
function releaseCollection(alias: string, id: string): string {
  return `${alias}-${id}`;
}

/**
 * Begins a release: finishes what an earlier switch left, and writes down that the release is being built.
 * @throws RagctlError exit 7 where another build of this alias is at work, or a collection has the alias's name and may not go
 */
export async function beginBuild(spec: BuildSpec, deps: BuildDeps): Promise<Build> {
  const { access, journal } = deps;
  const { alias, id } = spec;
  const collection = releaseCollection(alias, id);
  const lock = await holdBuildLock(access, alias, `ingest --into-new of ${alias}`);
  try {
    await withAlias(access, alias, "ingest --into-new", (aliasLock) => settle(access, alias, aliasLock));
    await requireFreeName(spec, access);
    journal("release", "start", { alias, id, collection });
    const fresh: Release = { id, collection, createdAtMs: access.runtime.clock.nowMs(), state: "building" };
    const { refused } = await changeAlias(access.state, alias, (record) => {
      // An ingest that is gone on with has begun it already.
      const there = record.releases.find((release) => release.id === id);
      return there ? "unchanged" : addRelease(record, fresh);
    });
    if (refused !== undefined) throw new Error(refused);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const outcome = (verification: Verification | null, reason: string | null): ReleaseOutcome => ({
    alias,
    release: id,
    collection,
    verification,
    switch: null,
    reason,
    dropped: [],
  });
  return {
    collection,
    abandon: (reason) => outcome(null, reason),
    async publish(expected) {
      journal("verify", "start", { collection, expected });
      const verification = await verify(spec, deps, collection, expected);
      journal("verify", "end", { ok: verification.ok, problems: verification.problems });
      if (!verification.ok) return outcome(verification, verification.problems.join("; "));
      await changeAlias(access.state, alias, (record) => markReady(record, id, verification.points));
      return await withAlias(access, alias, "ingest --into-new", async (aliasLock) => {
        await settle(access, alias, aliasLock);
        if (spec.replaceCollection) await requireNoChange(alias, access);
        const switched =
          (await switchedBefore(access, alias, collection)) ??
          (await switchAlias({ alias, to: collection, kind: "release", replaces: spec.replaceCollection }, deps, aliasLock));
        const dropped = await prune(spec, deps, lock);
        return { ...outcome(verification, null), switch: switched, dropped };
      });
    },
    close: () => lock.release(),
  };
}

/** An ingest that died after its switch was decided, and is gone on with, has nothing left to switch. */
async function switchedBefore(access: ReleaseAccess, alias: string, collection: string): Promise<SwitchResult | undefined> {
  const record = await access.state.getAlias(alias);
  if (record?.collection !== collection) return undefined;
  const waiting = record.switch ? record.switch.nodes.filter((node) => !record.switch!.done.includes(node)) : [];
  const nodes = [...(await placesOf(access, record)).keys()];
  return switchResult(
    { alias, from: null, to: collection },
    nodes,
    waiting.map((node) => ({ node, reason: "not reached yet" })),
  );
}

async function verify(spec: BuildSpec, deps: BuildDeps, collection: string, expected: number | undefined): Promise<Verification> {
  const { access, signal, note } = deps;
  const { queries, minRecall, indexPatienceMs } = spec;
  return await verifyRelease(access, { collection, expected, queries, k: 10, minRecall, indexPatienceMs, signal, note });
}

/** Said before hours of work, not after them. */
async function requireFreeName({ alias, replaceCollection }: BuildSpec, access: ReleaseAccess): Promise<void> {
  if (replaceCollection) return await requireNoChange(alias, access);
  const record = await access.state.getAlias(alias);
  if (await access.state.getTable(alias)) throw nameTaken(alias, "");
  const places = await placesOf(access, record ?? emptyRecord(alias));
  await Promise.all(
    [...places].map(async ([node, control]) => {
      if ((await control.listCollections()).includes(alias)) throw nameTaken(alias, node === wholeCluster ? "" : node);
    }),
  );
}

/** What a change of its cells is making, or has not dropped yet, would be left behind by a collection that gives way. */
async function requireNoChange(alias: string, access: ReleaseAccess): Promise<void> {
  const { native } = (await access.state.getTable(alias)) ?? {};
  if (!native?.copy && native?.left === undefined) return;
  throw new RagctlError(`A change of the cells of ${alias} is half applied, so that it cannot give way to a release.`, {
    code: "plan-in-flight",
    exitCode: ExitCode.refused,
    hint: "Finish it with ragctl rebalance apply --resume, or take it back with --abort.",
  });
}

const emptyRecord = (alias: string): AliasRecord => ({ schemaVersion: 1, alias, version: 0, collection: null, releases: [] });

/** What is not kept is dropped; what cannot be is tried again by the next release. */
async function prune({ alias, keep }: BuildSpec, { access, client, warn }: BuildDeps, lock: HeldLock): Promise<string[]> {
  const record = await access.state.getAlias(alias);
  // Until every node has the new alias, some may still answer with the old one.
  if (!record || record.switch) return [];
  return await dropReleases(access, client, alias, prunable(record, keep), () => lock.fence.ensure(), warn);
}
