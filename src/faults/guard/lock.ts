import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Runtime } from "../../runtime.ts";
import { takeLockFile } from "../lock-file.ts";

/** One experiment at a time on a cluster; all acts of one experiment run under the same. */
export interface ExperimentLock {
  release(): void;
}

/**
 * Takes the cluster's experiment lock, a file of the state directory that names its owner; a dead owner's is taken over.
 * @param purpose as another one reads it: `chaos kill-node`
 * @throws RagctlError exit 7 saying who experiments since when
 */
export function takeExperimentLock(
  cluster: Pick<ClusterConfig, "name" | "source" | "nodes">,
  purpose: string,
  { pid, clock, stateDir }: Pick<Runtime, "pid" | "clock" | "stateDir">,
): ExperimentLock {
  const path = join(stateDir, "locks", `chaos-${cluster.name}-${clusterKey(cluster)}.lock`);
  const attempt = takeLockFile(path, { pid, command: purpose, nowMs: clock.nowMs() });
  if (attempt.held) return attempt;
  const { owner, command, sinceMs } = attempt.holder;
  const since = new Date(sinceMs).toISOString().slice(0, 19).replace("T", " ");
  throw new RagctlError(
    `another experiment runs on cluster ${cluster.name}: ragctl ${command} (pid ${owner.pid}) since ${since} UTC`,
    {
      code: "experiment-running",
      exitCode: ExitCode.refused,
      hint: "let it end, or end it with Ctrl-C: it heals first",
      details: attempt.holder,
    },
  );
}

/** Names repeat (`local` in every directory), so the file that says what the cluster is tells them apart. */
function clusterKey({ source, nodes }: Pick<ClusterConfig, "source" | "nodes">): string {
  const place = source.file ?? nodes.map(({ url }) => url).join(" ");
  return createHash("sha256").update(place).digest("hex").slice(0, 12);
}
