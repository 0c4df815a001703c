import { z } from "zod";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { consistencyOf } from "./consistency.ts";
import type { LoadedConfig } from "./load.ts";
import { redact } from "./redact.ts";
import { loadConfig, loadLocal, type ClusterChoice } from "./resolve.ts";
import type { ConfigCheckResult, ConfigShowResult } from "./result.ts";
import { configSchema } from "./schema.ts";
import { didYouMean } from "./suggest.ts";

/** What `config check` says of a good config. @throws RagctlError exit 2 with every problem of a bad one */
export async function checkConfig(runtime: Runtime, choice: ClusterChoice): Promise<ConfigCheckResult> {
  const { loaded, source } = await load(runtime, choice.config);
  const names = Object.keys(loaded.config.clusters);
  const fallback = names.length === 1 ? names[0]! : null;
  return {
    file: loaded.shownFile,
    source,
    default: loaded.config.default ?? fallback,
    clusters: Object.entries(wanted(loaded, choice.cluster)).map(([name, cluster]) => ({
      name,
      topology: cluster.topology,
      driver: cluster.store.driver,
      nodes: cluster.nodes.map(({ id }) => id),
      protected: cluster.protected,
      consistency: cluster.topology === "routed" ? consistencyOf(cluster.routing) : null,
    })),
    warnings: loaded.warnings,
  };
}

/** The config as it could be written: variables and defaults filled in, units as people write them, secrets redacted. */
export async function showConfig(runtime: Runtime, choice: ClusterChoice): Promise<ConfigShowResult> {
  const { loaded, source } = await load(runtime, choice.config);
  const { default: chosen, clusters: _all, ...rest } = loaded.config;
  const clusters = wanted(loaded, choice.cluster);
  const kept = chosen !== undefined && (choice.cluster === undefined || choice.cluster === chosen) ? { default: chosen } : {};
  const config = z.encode(configSchema, { ...rest, clusters, ...kept });
  // The defaults of what only a routed cluster has would not be accepted back.
  for (const cluster of Object.values(config.clusters))
    if (cluster.topology === "native" && cluster.routing) {
      const { consistency, breaker, maxInFlightPerNode, maxRate } = cluster.routing;
      cluster.routing = { consistency, breaker, maxInFlightPerNode, ...(maxRate === undefined ? {} : { maxRate }) };
    }
  return { file: loaded.shownFile, source, config: redact(config) };
}

async function load(runtime: Runtime, named: string | undefined): Promise<{ loaded: LoadedConfig; source: "config" | "local" }> {
  const config = await loadConfig(runtime, named);
  if (config) return { loaded: config, source: "config" };
  const local = await loadLocal(runtime);
  if (local) return { loaded: local, source: "local" };
  throw new RagctlError("no config here or in any directory above", {
    code: "config-not-found",
    exitCode: ExitCode.usage,
    hint: "ragctl init writes one; --config FILE names one elsewhere",
    details: [{ message: "no ragctl.config.{yaml,yml,json,js,ts,mjs}, .ragctlrc* or ragctl key in a package.json was found" }],
  });
}

function wanted(loaded: LoadedConfig, name: string | undefined): LoadedConfig["config"]["clusters"] {
  const { clusters } = loaded.config;
  if (name === undefined) return clusters;
  const cluster = Object.hasOwn(clusters, name) ? clusters[name] : undefined;
  if (!cluster)
    throw usageError(
      [{ path: "--cluster", message: `${loaded.shownFile} has no cluster "${name}"${didYouMean(name, Object.keys(clusters))}` }],
      {
        code: "cluster-unknown",
      },
    );
  return { [name]: cluster };
}
