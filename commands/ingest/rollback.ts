import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError } from "../../src/errors.ts";
import { rollbackSchema } from "../../src/releases/result.ts";
import { rollbackReport } from "../../src/report/ingest-release.ts";
import { confirmSevere } from "../confirm.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { collectionOf } from "./collection.ts";

export default defineCommand({
  details:
    "Switches the name back to the release that served before, on all nodes or none, as ragctl ingest --into-new switched it forward. " +
    "A switch that a dead process left is finished or undone first. Nothing is dropped: --to goes forward again.",
  flags: {
    collection: flag.collection({ description: "the alias (default: the config's collection)" }),
    to: flag.string({
      description: "this release, by its id or its collection (default: what served before)",
      placeholder: "release",
    }),
  },
  examples: [
    ["ragctl ingest rollback --collection docs", "what served before the last release"],
    ["ragctl ingest rollback --collection docs --to 20260131-235959-k3f9", "any release that is kept"],
  ],
  resultSchema: rollbackSchema,
  async run({ flags }, context) {
    const { runtime, globals, note, warn } = context;
    const cluster = await resolveCluster(runtime, globals);
    const alias = collectionOf(flags.collection, cluster);
    note(clusterLine(runtime, cluster));
    if (cluster.protected) await confirmSevere(context, cluster, `switching ${alias} to another release`, undefined);
    const [{ openReleases }, { rollback }, { openRun }] = await Promise.all([
      import("../../src/releases/access.ts"),
      import("../../src/releases/rollback.ts"),
      import("../../src/runs/index.ts"),
    ]);
    const access = await openReleases(cluster, runtime);
    try {
      const run = openRun(runtime, { command: "ingest rollback", cluster: cluster.name, warn });
      try {
        const result = await rollback(
          { alias, to: flags.to },
          {
            access,
            signal: runtime.signal,
            journal: (name, phase, detail) => run.event({ kind: "release", name, phase, detail }, { durable: true }),
          },
        );
        const late = result.switch.nodes.some(({ state }) => state === "waiting");
        const exitCode = late ? ExitCode.unhealed : ExitCode.ok;
        run.end({ exitCode, state: "done", result });
        return { result, exitCode, next: [`ragctl ingest status --collection ${alias}`] };
      } catch (error) {
        run.end({ exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug, state: "failed" });
        throw error;
      }
    } finally {
      await access.close();
    }
  },
  human: rollbackReport,
});
