import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRng } from "../../src/runtime.ts";
import { packageRoot } from "../../src/version.ts";
import { startWriter, type RecordingWriter } from "../helpers/recording-writer.ts";
import { collection, dim, startShardCluster, type ShardCluster } from "./shard-set-up.ts";

/** `RAGCTL_TEST_SEED` repeats the random moments. */
const seed = Number(process.env["RAGCTL_TEST_SEED"] ?? 1);
/** Clusters side by side, for what is waited for: each takes every second entry of the journal, and half of the kills. */
const lanes = 2;
const wantedKills = 52 / lanes;
/** Of these, by a timer rather than at an entry of the journal. */
const randomKills = 16 / lanes;

describe.concurrent.each(Array.from({ length: lanes }, (_, lane) => lane))(
  `apply is killed at every entry of its journal and at random times (seed ${seed}), part %d`,
  (lane) => {
    let cluster: ShardCluster;
    let writer: RecordingWriter;

    beforeAll(async () => {
      cluster = await startShardCluster({ nodes: 2, replicas: 2 });
      writer = startWriter(cluster.client, collection, { keys: 60, dim, rng: seededRng(seed + lane) });
    }, 120_000);
    afterAll(async () => {
      await writer?.stop().catch(() => undefined);
      await cluster?.stop();
    }, 60_000);

    test("each time --resume finishes it, and nothing is lost", { timeout: 900_000 }, async () => {
      const rng = seededRng(seed + lane);
      const planned = await cluster.cli(["shard", "plan", "-o", "plan.json"]);
      expect(planned.stderr + planned.stdout).toContain("plan.json");
      let kills = 0;
      let atRandom = 0;
      const firstMoment = 1 + lane;
      /** The entry of its journal at which the next process dies. */
      let moment = firstMoment;
      for (let turn = 0; kills < wantedKills || atRandom < randomKills; turn++) {
        const file = turn % 2 === 0 ? "plan.json" : "back.json";
        const random = turn % 3 === 2 && atRandom < randomKills;
        // One process after the other goes on with what the one before left, until one comes to the end.
        for (let process = 0; process < 12; process++) {
          if (!(await applyAndDie(cluster, file, random ? "random" : moment, rng))) {
            // Not even the first died: no process writes as many entries.
            if (process === 0 && !random) moment = firstMoment;
            break;
          }
          kills++;
          if (random) atRandom++;
          else moment += lanes;
        }
        const finished = await cluster.cli(["shard", "apply", file, "--resume", "--yes", "--json"]);
        expect(finished.exitCode, finished.stdout + finished.stderr).toBe(0);
        const { steps } = finished.json().result;
        expect(steps.done).toBe(steps.total);
        const again = await cluster.cli(["shard", "apply", file, "--resume", "--yes", "--json"]);
        expect(again.exitCode, "what is finished, resumed").toBe(0);
        const verified = await cluster.cli(["shard", "verify", "--json"]);
        expect(verified.json().result, `after chain ${turn}`).toMatchObject({
          clean: true,
          missing: 0,
          orphaned: 0,
          different: 0,
        });
        expect(await writer.wrong(), `after chain ${turn}`).toEqual([]);
        if (turn === 0) expect((await cluster.cli(["shard", "reverse", "plan.json", "-o", "back.json"])).exitCode).toBe(0);
      }
      await writer.stop();
      expect(await writer.wrong()).toEqual([]);
      expect(writer.acknowledged).toBeGreaterThan(500);
      // Movers died, and none of the writes that they held was refused for it.
      expect(writer.refused.filter(({ reason }) => reason.includes("held writes"))).toEqual([]);
    });
  },
);

/** @returns whether it was killed, rather than done before */
async function applyAndDie(cluster: ShardCluster, file: string, moment: number | "random", rng: () => number): Promise<boolean> {
  const argv = ["shard", "apply", file, "--resume", "--yes"];
  if (moment === "random") {
    const { child, ended } = cluster.start(argv);
    const timer = setTimeout(() => child.kill("SIGKILL"), 250 + rng() * 1_500);
    const { exitCode } = await ended;
    clearTimeout(timer);
    return exitCode === 137;
  }
  const env = {
    NODE_OPTIONS: `--import ${join(packageRoot, "test/helpers/crash-at.ts")}`,
    RAGCTL_TEST_CRASH_AT: String(moment),
  };
  const { exitCode, stdout, stderr } = await cluster.start(argv, { env }).ended;
  if (exitCode !== 137) expect(exitCode, stdout + stderr).toBe(0);
  return exitCode === 137;
}
