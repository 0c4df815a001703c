import type { ClusterClient } from "../../src/cluster/contract.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, usageError } from "../../src/errors.ts";
import type { IngestResult } from "../../src/ingest/result.ts";
import type { ReleaseOutcome } from "../../src/releases/result.ts";
import type { Run } from "../../src/runs/index.ts";
import { confirmSevere } from "../confirm.ts";
import type { CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";

/** Of `--into-new`: docs/ingest-releases.md. */
export const releaseFlags = {
  intoNew: flag.boolean({
    description: "build a fresh collection beside the live one, verify it, and switch the name to it on all nodes or none",
  }),
  keep: flag.positive({ description: "with --into-new: releases that stay for a rollback", default: 1 }),
  minRecall: flag.fraction({
    description: "with --into-new: of each node against its exact answers (default: the objective, or 95%)",
  }),
  recallQueries: flag.positive({ description: "with --into-new: points that each node is asked with", default: 50 }),
  indexTimeout: flag.positiveDurationMs({
    description: "with --into-new: for stores that index in the background",
    default: 600_000,
  }),
  acceptDead: flag.boolean({ description: "with --into-new: switch even though records went to the dead letters" }),
  replaceCollection: flag.boolean({
    description: "with --into-new: a collection of that very name gives way to the alias, and is gone then",
  }),
};
export type ReleaseFlags = FlagValues<typeof releaseFlags>;

const needIntoNew = ["keep", "minRecall", "recallQueries", "indexTimeout", "acceptDead", "replaceCollection"] as const;

/** @throws RagctlError exit 2 where what is said of a release stands without one */
export function checkReleaseFlags(flags: ReleaseFlags, given: ReadonlySet<string>): void {
  if (flags.intoNew) return;
  const problems = needIntoNew
    .filter((name) => given.has(name))
    .map((name) => ({
      path: `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      message: "is about --into-new, which is not given",
    }));
  if (problems.length > 0) throw usageError(problems);
}

/** Asked before the work begins. @throws RagctlError exit 7 without a yes */
export async function confirmRelease(
  flags: Partial<ReleaseFlags>,
  alias: string,
  cluster: ClusterConfig,
  context: CommandContext,
): Promise<void> {
  if (!flags.intoNew || !flags.replaceCollection) return;
  await confirmSevere(context, cluster, `replacing the collection ${alias} by an alias, with no way back to it,`, undefined);
}

export interface ReleaseRun {
  /** What the ingest writes into. */
  collection: string;
  /** After the ingest: verifies and switches, or says why not. */
  finish(result: IngestResult): Promise<ReleaseOutcome>;
  close(): Promise<void>;
}

/** A release for this run; of a run that is gone on with, the one that it had begun. */
export async function beginReleaseRun(
  flags: ReleaseFlags,
  about: { alias: string; begun: string | undefined; cluster: ClusterConfig; client: ClusterClient; run: Run },
  context: CommandContext,
): Promise<ReleaseRun> {
  const [{ openReleases }, { beginBuild }] = await Promise.all([
    import("../../src/releases/access.ts"),
    import("../../src/releases/build.ts"),
  ]);
  const { runtime, note, warn } = context;
  const { alias, begun, cluster, client, run } = about;
  const access = await openReleases(cluster, runtime);
  try {
    const build = await beginBuild(
      {
        alias,
        id: begun?.startsWith(`${alias}-`) ? begun.slice(alias.length + 1) : run.id,
        keep: flags.keep,
        replaceCollection: flags.replaceCollection,
        minRecall: flags.minRecall ?? cluster.objectives.recallAt10 ?? 0.95,
        queries: flags.recallQueries,
        indexPatienceMs: flags.indexTimeout,
      },
      {
        access,
        client,
        journal: (name, phase, detail) => run.event({ kind: "release", name, phase, detail }, { durable: true }),
        signal: runtime.signal,
        note,
        warn,
      },
    );
    return {
      collection: build.collection,
      async finish(result) {
        if (result.interrupted) return build.abandon("the ingest was interrupted");
        const { dead } = result.documents;
        if (dead > 0 && !flags.acceptDead)
          return build.abandon(`${dead} of its records went to the dead letters (--accept-dead switches all the same)`);
        // What an earlier run of it wrote is not among this one's counts.
        return await build.publish(result.resumed ? undefined : result.chunks.written + result.chunks.unchanged);
      },
      async close() {
        await build.close();
        await access.close();
      },
    };
  } catch (error) {
    await access.close();
    throw error;
  }
}

/** 4: nothing was switched; 5: some node does not have it yet. */
export function releaseExitCode(outcome: ReleaseOutcome): ExitCode {
  if (!outcome.switch) return ExitCode.failed;
  return outcome.switch.nodes.some(({ state }) => state === "waiting") ? ExitCode.unhealed : ExitCode.ok;
}
