import { dirname } from "node:path";
import { callSupervisor, readSupervisorFile, SupervisorError } from "../supervisor-socket.ts";
import { withoutCredentials } from "./configured.ts";
import type { TargetResolver } from "./index.ts";

const askTimeoutMs = 3_000;

/** The fault proxy that `ragctl up` puts in front of each node, and of the Redis that it starts. */
export const proxyTarget: TargetResolver = {
  kind: "proxy",
  summary: "the fault proxy that `ragctl up` puts before each node",
  async resolve(cluster, subject) {
    if (cluster.source.kind !== "local" || !cluster.source.file)
      return {
        impossible: `only the cluster of \`ragctl up\` has fault proxies of ragctl's own, and ${cluster.name} is another`,
      };
    const dir = dirname(cluster.source.file);
    const file = readSupervisorFile(dir);
    if (!file) return { impossible: `no supervisor runs for ${dir}; \`ragctl up\` starts one` };
    try {
      const { clusterId, processes } = await callSupervisor(file.socket, { op: "status" }, { timeoutMs: askTimeoutMs });
      const proxies = processes.find(({ role }) => role === "proxy");
      const behind = processes.find(({ id }) => id === subject.id);
      if (!behind) return { impossible: `the supervisor of ${dir} knows no ${subject.id}` };
      if (!proxies)
        return { impossible: "this cluster has no fault proxies: it was started with --no-proxies, or before there were any" };
      if (!proxies.process) return { impossible: "the fault proxies are not running; `ragctl up` starts them" };
      const socket = proxies.url.slice("unix:".length);
      const { id: node } = subject;
      const url = withoutCredentials(subject.url);
      return { target: { kind: "proxy", node, socket, clusterId, dir, proxy: node, url, upstreamUrl: behind.url } };
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      return { impossible: `${error.message}; \`ragctl up\` starts another` };
    }
  },
};
