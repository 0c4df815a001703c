import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import { usageError, type Problem } from "../errors.ts";
import type { PoolOptions, TlsOptions } from "../http/contract.ts";
import type { NodeEndpoint, VectorStoreDriver } from "./contract.ts";

const files = { caFile: "ca", certFile: "cert", keyFile: "key" } as const satisfies Record<string, keyof TlsOptions>;

/**
 * How to reach one node of a cluster: its api key (its own, else the store's), timeout, and TLS files, read relative to the
 * directory of the config.
 * @param cwd what relative paths are relative to where no config file said them
 * @throws RagctlError exit 2 naming every file that cannot be read or is not PEM
 */
export function endpointOf(cluster: ClusterConfig, node: NodeConfig, cwd = "."): NodeEndpoint {
  const { apiKey, timeout, tls } = cluster.store;
  const key = node.apiKey ?? apiKey;
  return {
    id: node.id,
    url: node.url,
    ...(key !== undefined && { apiKey: key }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(cluster.client?.localAddress !== undefined && { localAddress: cluster.client.localAddress }),
    ...(tls && { tls: readTls(cluster, tls, cwd) }),
  };
}

/** The options of a pool to that node: what `createPool` takes, the driver's own headers included. */
export function poolOptionsOf(driver: VectorStoreDriver, endpoint: NodeEndpoint): PoolOptions {
  return { origin: endpoint.url, headers: driver.headers(endpoint), ...connectionOptions(endpoint) };
}

/** How connections to that node are made, whatever goes over them. */
export function connectionOptions({ tls, localAddress }: NodeEndpoint): Pick<PoolOptions, "tls" | "localAddress"> {
  return { ...(tls && { tls }), ...(localAddress !== undefined && { localAddress }) };
}

function readTls(cluster: ClusterConfig, tls: NonNullable<ClusterConfig["store"]["tls"]>, cwd: string): TlsOptions {
  const base = cluster.source.file ? dirname(cluster.source.file) : cwd;
  const problems: Problem[] = [];
  const options: TlsOptions = tls.serverName === undefined ? {} : { serverName: tls.serverName };
  const problem = (field: string, message: string): void => {
    const file = cluster.source.file;
    problems.push({ ...(file !== undefined && { file }), path: `clusters.${cluster.name}.store.tls.${field}`, message });
  };
  for (const [field, option] of Object.entries(files) as [keyof typeof files, "ca" | "cert" | "key"][]) {
    const path = tls[field];
    if (path === undefined) continue;
    const file = resolve(base, path);
    try {
      options[option] = readFileSync(file, "utf8");
      if (!options[option].includes("-----BEGIN ")) problem(field, `${file} is not a PEM file`);
    } catch (error) {
      problem(
        field,
        `${file} cannot be read: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message}`,
      );
    }
  }
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    problem(tls.certFile === undefined ? "certFile" : "keyFile", "a client certificate and its key belong together");
  if (problems.length > 0) throw usageError(problems, { code: "tls-invalid" });
  return options;
}
