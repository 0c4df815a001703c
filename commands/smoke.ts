import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { clusterLine, resolveCluster } from "../src/config/resolve.ts";
import type { ClusterConfig } from "../src/config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../src/errors.ts";
import { githubAnnotations } from "../src/report/github.ts";
import { junitXml } from "../src/report/junit.ts";
import { smokeAnnotations, smokeReport, smokeSuite } from "../src/report/smoke.ts";
import { smokeResultSchema, type SmokeCheck } from "../src/smoke/result.ts";
import { defineCommand, type CommandContext } from "./define.ts";
import { flag } from "./flags.ts";
import { plural } from "../src/units.ts";

export default defineCommand({
  details:
    "Checks config, nodes, a canary's whole life on every replica, the cache, and fifty paced queries against the objectives, in under ten " +
    "seconds. Safe on a protected cluster: it writes to one collection of its own, _ragctl_smoke_…, and drops it at the end, after a " +
    "failure and after Ctrl-C too. Exits 3 where something does not answer, 4 where it answers wrong, 6 where this machine was too busy to tell.\n\n" +
    "On GitHub Actions what failed becomes annotations.",
  flags: {
    collection: flag.collection({ description: "to query (default: the config's, or one that has points)" }),
    junit: flag.file({ description: "write the checks as JUnit XML, too" }),
  },
  examples: [
    ["ragctl smoke", "the cluster that ragctl up started, or the config's default"],
    ["ragctl smoke --cluster prod --junit smoke.xml", "in CI"],
  ],
  resultSchema: smokeResultSchema,
  async run({ flags }, context) {
    const { runtime, note } = context;
    const { clock, rng, cwd, signal, hardSignal, versions, platform } = runtime;
    const publish = (checks: SmokeCheck[]) => publishChecks(checks, flags.junit, context);
    const cluster = await clusterOrFailure(context, publish);
    note(clusterLine(runtime, cluster));
    const [{ runSmoke, exitCodeOf }, { pacedQueries }, { connectCluster }, { openRun }] = await Promise.all([
      import("../src/smoke/index.ts"),
      import("../src/smoke/queries.ts"),
      import("../src/cluster/index.ts"),
      import("../src/runs/index.ts"),
    ]);
    const run = openRun(runtime, { command: "smoke", cluster: cluster.name, warn: context.warn });
    const task = context.progress.start("smoke", { unit: "checks" });
    let checked = 0;
    try {
      const result = await runSmoke(
        {
          cluster,
          connect: () => connectCluster(cluster, { clock, rng, purpose: "smoke", cwd }),
          configDetail: configDetail(cluster, runtime),
          collection: flags.collection,
        },
        {
          clock,
          rng,
          signal,
          queries: (client, collection) =>
            pacedQueries(collection, { client, clock, rng, cwd, signal, hardSignal, versions, platform }),
          onCheck: (name) => task.update(checked++, name),
        },
      );
      task.end();
      const exitCode = exitCodeOf(result);
      run.end({ exitCode, state: "done", result });
      await publish(result.checks);
      return { result, exitCode };
    } catch (error) {
      task.end();
      const exitCode = error instanceof RagctlError ? error.exitCode : ExitCode.bug;
      run.end({ exitCode: signal.aborted ? ExitCode.interrupted : exitCode, state: signal.aborted ? "interrupted" : "failed" });
      throw error;
    }
  },
  human: smokeReport,
});

/** A config that is wrong is the first check, failed: CI sees it where it looks, and the command ends as with any wrong config. */
async function clusterOrFailure(
  context: CommandContext,
  publish: (checks: SmokeCheck[]) => Promise<void>,
): Promise<ClusterConfig> {
  try {
    return await resolveCluster(context.runtime, context.globals);
  } catch (error) {
    if (error instanceof RagctlError)
      await publish([{ name: "config", ok: false, outcome: "failed", detail: error.message, durationMs: 0 }]);
    throw error;
  }
}

function configDetail(cluster: ClusterConfig, runtime: CommandContext["runtime"]): string {
  const { topology, nodes, routing } = cluster;
  const copies = topology === "routed" ? `, ${plural(Math.min(routing.replicas, nodes.length), "replica")}` : "";
  const guard = cluster.protected ? "; protected, and nothing of its own is touched" : "";
  return `${clusterLine(runtime, cluster)}: ${topology}, ${plural(nodes.length, "node")}${copies}${guard}`;
}

async function publishChecks(checks: SmokeCheck[], junit: string | undefined, { runtime }: CommandContext): Promise<void> {
  // GitHub reads workflow commands from stderr as well, and stdout carries the result alone.
  if (runtime.env["GITHUB_ACTIONS"]) runtime.stderr.write(githubAnnotations(smokeAnnotations(checks)));
  if (junit === undefined) return;
  try {
    const timestamp = new Date(runtime.clock.nowMs()).toISOString();
    await writeFile(resolve(runtime.cwd, junit), junitXml([{ ...smokeSuite(checks), timestamp }]));
  } catch (error) {
    throw usageError([{ path: "--junit", message: `${junit} cannot be written: ${(error as Error).message}` }]);
  }
}
