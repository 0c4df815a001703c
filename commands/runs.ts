import { runsReport } from "../src/report/runs.ts";
import { listRuns, pruneRuns, readRun, runIds, runsDir } from "../src/runs/index.ts";
import { runsResultSchema, type RunsResult } from "../src/runs/result.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";

export default defineCommand({
  details:
    "Everything long has a run, with a journal of its events. With an ID (or its beginning, its end, or latest): that run.",
  positionals: [{ name: "id", description: "one run; latest is the newest" }],
  flags: {
    limit: flag.positive({ description: "how many to list", default: 20 }),
    pruneOlderThan: flag.positiveDurationMs({
      description: "first remove runs that ended longer ago; what can be resumed stays",
    }),
  },
  examples: [
    ["ragctl runs", "what ran, newest first"],
    ["ragctl runs latest", "the newest, with its events"],
    ["ragctl runs --prune-older-than 30d", "remove old ones"],
  ],
  resultSchema: runsResultSchema,
  run: async ({ positionals: [wanted], flags }, { runtime }) => {
    const { stateDir } = runtime;
    const asOf = runtime.clock.nowMs();
    const pruned = flags.pruneOlderThan === undefined ? [] : pruneRuns(stateDir, asOf - flags.pruneOlderThan);
    const detail = wanted === undefined ? undefined : readRun(stateDir, wanted);
    const runs = detail ? [detail.summary] : listRuns(stateDir, flags.limit);
    const result: RunsResult = {
      dir: runsDir(stateDir),
      asOf,
      total: runIds(stateDir).length,
      runs,
      pruned,
      ...(detail ? { run: { ...detail.summary, dir: detail.dir, events: detail.events, result: detail.result ?? null } } : {}),
    };
    const stopped = runs.filter(({ state, resume }) => resume !== undefined && (state === "dead" || state === "interrupted"));
    return { result, next: stopped.slice(0, 3).map(({ resume }) => resume!) };
  },
  human: runsReport,
});
