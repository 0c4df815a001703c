import { localName } from "../src/config/find.ts";
import { loadLocal } from "../src/config/resolve.ts";
import type { ClusterConfig } from "../src/config/schema.ts";
import { ExitCode } from "../src/errors.ts";
import { cacheNames, engineNames } from "../src/local/spec.ts";
import type { UpFlags } from "../src/local/plan.ts";
import { up } from "../src/local/up.ts";
import { statusReport } from "../src/report/status.ts";
import { collectStatus, somethingIsDown } from "../src/status/collect.ts";
import { statusDeps } from "../src/status/connect.ts";
import { statusSchema } from "../src/status/result.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";
import { refuseOtherCluster } from "./local-only.ts";

export default defineCommand({
  details:
    "Real processes on loopback, with data under .ragctl/ of this directory; the cluster is called local. Again, it starts what is missing and changes nothing else; with more nodes it adds them, owning nothing until a plan brings them in. Flags that are not given keep their values.",
  flags: {
    nodes: flag.positive({ description: "how many (3 at first)" }),
    replicas: flag.positive({ description: "copies of every point (2 at first)" }),
    zones: flag.list({ description: "spread the nodes over these, in turn", placeholder: "a,b" }),
    engine: flag.choice(engineNames, { description: "what a node is: part of ragctl, or the qdrant on PATH" }),
    noProxies: flag.boolean({ description: "without the fault proxies before nodes and cache, which chaos uses" }),
    cache: flag.choice(cacheNames, { description: "memory, or the redis-server on PATH: one in each zone" }),
    portBase: flag.positive({
      description: "n1 gets this port, n2 the next, …; free ones are chosen otherwise",
      placeholder: "port",
    }),
  },
  examples: [
    ["ragctl up --nodes 3 --replicas 2", "three nodes, every point on two of them"],
    ["ragctl up --nodes 4 --zones a,b", "a fourth node, and two zones"],
    ["ragctl up --cache redis", "with the redis-server found on PATH"],
  ],
  resultSchema: statusSchema,
  async run({ flags, given }, context) {
    const { runtime, note } = context;
    refuseOtherCluster(context.globals, "up");
    const wanted = Object.fromEntries(Object.entries(flags).filter(([name]) => given.has(name))) as UpFlags;
    const task = context.progress.start("starting", { unit: "processes" });
    try {
      const { started, changed, joined } = await up(runtime.cwd, wanted, {
        runtime,
        note,
        onReady: (_id, ready, total) => {
          task.setTotal(total);
          task.update(ready);
        },
      });
      task.end();
      if (started.length === 0 && !changed) note("everything runs already; nothing was changed");
      if (joined.nodes.length > 0)
        note(
          `joining, and owning nothing until a plan brings them in: ${joined.nodes.join(", ")} (${joined.collections.join(", ")})`,
        );
    } finally {
      task.end();
    }
    const local = await loadLocal(runtime);
    const fields = local?.config.clusters[localName];
    if (!local || !fields) throw new Error("up wrote no cluster file");
    const cluster: ClusterConfig = { ...fields, name: localName, source: { kind: "local", file: local.file } };
    const result = await collectStatus(cluster, await statusDeps(cluster, runtime));
    const dead = somethingIsDown(result);
    return {
      result,
      exitCode: dead ? ExitCode.unreachable : ExitCode.ok,
      next: dead ? ["ragctl status"] : result.collections.length > 0 ? ["ragctl smoke"] : ["ragctl ingest DIR --collection docs"],
    };
  },
  human: statusReport,
});
