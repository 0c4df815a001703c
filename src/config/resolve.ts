import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { findConfigFile, findLocalClusterFile, localName, namedConfigFile } from "./find.ts";
import { loadConfigFile, loadConfigValue, shownPath, type LoadedConfig } from "./load.ts";
import type { ClusterConfig } from "./schema.ts";
import { didYouMean } from "./suggest.ts";

/** What `--config` and `--cluster` said. */
export interface ClusterChoice {
  config: string | undefined;
  cluster: string | undefined;
}

/**
 * The cluster that a command speaks to: `--cluster` of the config that `--config` names or discovery finds, else its
 * `default`, else its only one; where no config names any, the `local` cluster that `ragctl up` started from here.
 * @throws RagctlError exit 2 with every problem of the file, or when no such cluster exists
 */
export async function resolveCluster(runtime: Pick<Runtime, "env" | "cwd">, choice: ClusterChoice): Promise<ClusterConfig> {
  return fromLocalAddress(await chosenCluster(runtime, choice), runtime.env["RAGCTL_LOCAL_ADDRESS"]);
}

async function chosenCluster(runtime: Pick<Runtime, "env" | "cwd">, choice: ClusterChoice): Promise<ClusterConfig> {
  const loaded = await loadConfig(runtime, choice.config);
  if (!loaded) {
    const local = await loadLocal(runtime);
    if (!local) throw noCluster(choice.cluster);
    return pick(local, choice.cluster ?? local.config.default, "local") ?? unknownCluster(choice.cluster ?? "", local);
  }
  const name = chosenName(loaded, choice.cluster);
  const picked = pick(loaded, name, "config");
  if (picked) return picked;
  const local = name === localName ? await loadLocal(runtime) : undefined;
  return (local && pick(local, name, "local")) ?? unknownCluster(name, loaded);
}

/** The environment says it too, so that two clients can share one config. */
function fromLocalAddress(cluster: ClusterConfig, address: string | undefined): ClusterConfig {
  if (address === undefined || address === "") return cluster;
  if (isIP(address) === 0)
    throw usageError([{ path: "RAGCTL_LOCAL_ADDRESS", message: `expected an address of this machine, got "${address}"` }]);
  return { ...cluster, client: { localAddress: address } };
}

/**
 * A cluster of a config that an application gives as a value; paths in it are relative to `cwd`.
 * @throws RagctlError exit 2 with every problem, or when no such cluster is in it
 */
export function clusterOfValue(
  runtime: Pick<Runtime, "env" | "cwd">,
  value: unknown,
  cluster: string | undefined,
): ClusterConfig {
  const shownFile = "the config";
  const config = loadConfigValue(runtime, value, shownFile);
  const loaded = { config, shownFile };
  const name = chosenName(loaded, cluster);
  if (!Object.hasOwn(config.clusters, name)) return unknownCluster(name, loaded);
  return { ...withCacheFiles(config.clusters[name]!, runtime.cwd), name, source: { kind: "flags" } };
}

function chosenName({ config, shownFile }: Pick<LoadedConfig, "config" | "shownFile">, wanted: string | undefined): string {
  const names = Object.keys(config.clusters);
  const name = wanted ?? config.default ?? (names.length === 1 ? names[0] : undefined);
  if (name !== undefined) return name;
  throw usageError([{ file: shownFile, message: `names ${names.length} clusters and no default: ${names.join(", ")}` }], {
    code: "cluster-ambiguous",
    hint: `choose one: --cluster ${names[0]}; or write default: ${names[0]} into the config`,
  });
}

/** The config that a command line means; undefined when none is named and none is found. */
export async function loadConfig(
  runtime: Pick<Runtime, "env" | "cwd">,
  named: string | undefined,
): Promise<LoadedConfig | undefined> {
  const file = named === undefined ? await findConfigFile(runtime) : namedConfigFile(runtime, named);
  return file === undefined ? undefined : await loadConfigFile(runtime, file);
}

/** What `ragctl up` wrote in this directory or one above. */
export async function loadLocal(runtime: Pick<Runtime, "env" | "cwd">): Promise<LoadedConfig | undefined> {
  const file = findLocalClusterFile(runtime);
  return file === undefined
    ? undefined
    : await loadConfigFile(runtime, file, {
        hint: "ragctl up wrote this file: ragctl up again, or ragctl down first, writes it anew",
      });
}

/** `cluster prod (ragctl.config.yaml)`: what every command says about whom it speaks to. */
export function clusterLine(runtime: Pick<Runtime, "cwd">, cluster: Pick<ClusterConfig, "name" | "source">): string {
  const { kind, file } = cluster.source;
  const where = kind === "flags" ? "from flags" : file === undefined ? kind : shownPath(runtime.cwd, file);
  return `cluster ${cluster.name} (${where})`;
}

function pick(loaded: LoadedConfig, name: string | undefined, kind: "config" | "local"): ClusterConfig | undefined {
  if (name === undefined || !Object.hasOwn(loaded.config.clusters, name)) return undefined;
  return { ...withCacheFiles(loaded.config.clusters[name]!, dirname(loaded.file)), name, source: { kind, file: loaded.file } };
}

/** The cache's TLS files by their whole path: a cache knows nothing of where its config was. */
function withCacheFiles<C extends Pick<ClusterConfig, "cache">>(cluster: C, base: string): C {
  const { cache } = cluster;
  if (!cache?.tls) return cluster;
  const { caFile, certFile, keyFile, serverName } = cache.tls;
  const tls = {
    ...(caFile !== undefined && { caFile: resolve(base, caFile) }),
    ...(certFile !== undefined && { certFile: resolve(base, certFile) }),
    ...(keyFile !== undefined && { keyFile: resolve(base, keyFile) }),
    ...(serverName !== undefined && { serverName }),
  };
  return { ...cluster, cache: { ...cache, tls } };
}

function unknownCluster(name: string, loaded: Pick<LoadedConfig, "config" | "shownFile">): never {
  const names = Object.keys(loaded.config.clusters);
  throw usageError([{ path: "--cluster", message: `${loaded.shownFile} has no cluster "${name}"${didYouMean(name, names)}` }], {
    code: "cluster-unknown",
    hint: name === localName ? "ragctl up starts a cluster called local" : `it has ${names.join(", ")}`,
  });
}

function noCluster(name: string | undefined): RagctlError {
  const what = name === undefined ? "no cluster to speak to" : `no cluster "${name}"`;
  return new RagctlError(`${what}: no ragctl.config.yaml here or above, and no cluster that ragctl up started`, {
    code: "no-cluster",
    exitCode: ExitCode.usage,
    hint: "ragctl up starts one on this machine; ragctl init writes a config for one that you have",
    details: [{ message: "no config was found and no local cluster is up" }],
  });
}
