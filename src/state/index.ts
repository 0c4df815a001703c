import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import type { ClusterConfig, StateConfig } from "../config/schema.ts";
import type { Clock } from "../runtime.ts";
import type { StateStore } from "./contract.ts";

export * from "./contract.ts";
export { unmatchedIds } from "./touched.ts";

export interface StateLocation {
  clusterName: string;
  /** What a relative path, and the default one, is relative to: see `stateBaseDir`. */
  baseDir: string;
  clock: Clock;
}

/**
 * Opens the state store that a cluster's config names; the default is the SQLite file `.ragctl/<cluster>.state.sqlite`.
 * @throws RagctlError exit 3 where it cannot be opened or reached, 2 where it is not fit (a Redis that may evict)
 */
export async function openStateStore(config: StateConfig, location: StateLocation): Promise<StateStore> {
  if (config.driver === "redis") {
    const { openRedisState } = await import("./redis.ts");
    return await openRedisState(config, location.clusterName);
  }
  const { openSqliteState } = await import("./sqlite.ts");
  return openSqliteState(sqliteStatePath(config.path, location), location.clock);
}

/** Whether it is a file that nobody has made yet: it can only be empty. Looking does not make it. */
export function stateIsAbsent(config: StateConfig, location: Omit<StateLocation, "clock">): boolean {
  return config.driver === "sqlite" && !existsSync(sqliteStatePath(config.path, location));
}

export function sqliteStatePath(path: string | undefined, { clusterName, baseDir }: Omit<StateLocation, "clock">): string {
  if (path === undefined) return join(baseDir, ".ragctl", `${clusterName}.state.sqlite`);
  return isAbsolute(path) ? path : resolve(baseDir, path);
}

/** The directory of the cluster's config file, or the one that holds the `.ragctl` that names it; `cwd` where there is no file. */
export function stateBaseDir(source: ClusterConfig["source"], cwd: string): string {
  if (source.file === undefined) return cwd;
  const dir = dirname(resolve(cwd, source.file));
  return basename(dir) === ".ragctl" ? dirname(dir) : dir;
}
