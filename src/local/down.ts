import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { localName } from "../config/find.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { clusterIdOf } from "../faults/targets/configured.ts";
import { journalDir, listRecords, removeRecord } from "../faults/journal.ts";
import { readClusterId } from "../faults/supervisor-socket.ts";
import type { Runtime } from "../runtime.ts";
import { layoutOf, type Layout } from "./layout.ts";
import { withLock } from "./lock.ts";
import { stopEverything } from "./supervisor-client.ts";

export interface DownOutcome {
  /** Nodes and caches stopped: neither the supervisor nor the fault proxies are counted. */
  stopped: number;
  deleted: boolean;
}

/**
 * Stops the local cluster, by identity: whatever else has those pids by now is not touched. Data stays unless `remove` is set.
 * @throws RagctlError exit 5 where a process survived even SIGKILL
 */
export async function down(
  baseDir: string,
  options: { remove: boolean },
  deps: { runtime: Runtime; note: (text: string) => void },
): Promise<DownOutcome> {
  const layout = layoutOf(baseDir);
  const outcome = await withLock(layout.lockFile, "down", deps, async () => {
    const clusterId = readClusterId(layout.dir);
    const { stopped, stuck } = await stopEverything(layout, deps.runtime);
    if (stuck.length > 0) throw notStopped(stuck);
    // A node that is down on purpose is no longer down by a fault.
    if (clusterId) forgetFaults(clusterId, deps.runtime);
    if (options.remove) removeData(layout);
    return { stopped, deleted: options.remove };
  });
  if (options.remove) removeIfEmpty(layout.dir);
  return outcome;
}

/** The directory that holds the nearest `.ragctl` of an `up`, from here upwards. */
export function findBaseDir(dirs: readonly string[]): string | undefined {
  return dirs.find((dir) => {
    const { localFile, supervisorFile, clusterFile } = layoutOf(dir);
    return existsSync(localFile) || existsSync(supervisorFile) || existsSync(clusterFile);
  });
}

function forgetFaults(clusterId: string, runtime: Runtime): void {
  const dir = journalDir(runtime.stateDir);
  for (const { record } of listRecords(dir).entries) if (clusterIdOf(record.target) === clusterId) removeRecord(dir, record.id);
}

/**
 * What says that there is a cluster goes first, so that a crash in between leaves none that is half there. Only what is the local
 * cluster's own goes: the state of other clusters of a config may lie in the same directory.
 */
function removeData(layout: Layout): void {
  const state = readdirSync(layout.dir).filter((name) => name.startsWith(`${localName}.state.sqlite`));
  const names = ["cache", "proxy.sock", ...state].map((name) => join(layout.dir, name));
  for (const path of [layout.clusterFile, layout.localFile, layout.supervisorFile, ...names, layout.nodes, layout.logs])
    rmSync(path, { recursive: true, force: true });
}

export function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function notStopped(pids: readonly number[]): RagctlError {
  return new RagctlError(`${pids.map((pid) => `process ${pid}`).join(", ")} survived SIGKILL: stuck in the kernel`, {
    code: "process-stuck",
    exitCode: ExitCode.unhealed,
    hint: "ragctl down again; where that does not help, the machine must be restarted",
  });
}
