import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openQueue, readResults, type QueueLink } from "../../src/ingest/queue/link.ts";
import { queueStatus } from "../../src/ingest/queue/status.ts";
import { realClock } from "../../src/runtime.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";

const cranfield = join(import.meta.dirname, "../data/cranfield/docs.jsonl");

describe.skipIf(!serviceBinary("redis-server"))(`the work queue${skipReason("redis-server")}`, () => {
  let cluster: LocalCluster;
  let redis: TestRedis;
  let link: QueueLink;
  beforeAll(async () => {
    [cluster, redis] = await Promise.all([startLocalCluster({ nodes: 3, replicas: 2 }), startRedis()]);
    copyFileSync(cranfield, join(cluster.dir, "docs.jsonl"));
    link = await openQueue({ url: redis.url, shown: redis.url }, "local");
  }, 120_000);
  afterAll(async () => {
    link?.close();
    await cluster?.stop();
    await redis?.stop();
  }, 60_000);

  const json = async (...argv: string[]) => {
    const run = await cluster.cli(["ingest", ...argv, "--json"]);
    return { ...run, ...run.json() };
  };
  const queue = () => ["--queue", redis.url];
  /** Resolves once the queue is as wanted. */
  const until = async (what: (status: Awaited<ReturnType<typeof queueStatus>>) => boolean) => {
    const giveUpMs = Date.now() + 90_000;
    for (;;) {
      const status = await queueStatus(link, realClock);
      if (what(status)) return status;
      if (Date.now() > giveUpMs) throw new Error(`not in 90 s: ${JSON.stringify(status)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const doneOf = ({ batches }: Awaited<ReturnType<typeof queueStatus>>) => batches[0]?.jobs.done ?? 0;

  test(
    "two workers, one of them killed in mid-job: everything is there once, as one process would have left it",
    { timeout: 240_000 },
    async () => {
      const victim = cluster.start(["ingest", "worker", ...queue()]);
      const survivor = cluster.start(["ingest", "worker", ...queue(), "--json"]);
      await until(({ workers }) => workers.length === 2);
      const enqueued = await json("enqueue", "docs.jsonl", "--collection", "queued", "--items-per-job", "10", ...queue());
      expect(enqueued.exitCode, enqueued.stderr).toBe(0);
      expect(enqueued.result).toMatchObject({ jobs: 140, files: 1 });
      const ofVictim = async () =>
        (await readResults(link)).filter(({ worker }) => worker.includes(`-${victim.child.pid}-`)).length;
      while ((await ofVictim()) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      victim.child.kill("SIGKILL");
      await victim.ended;
      expect(await ofVictim()).toBeLessThan(140);
      await until((status) => doneOf(status) === 140 && status.jobs.active === 0);
      survivor.child.kill("SIGINT");
      const ended = await survivor.ended;
      expect(ended.exitCode, ended.stderr).toBe(130);
      expect(ended.json().result.jobs.done + (await ofVictim())).toBeGreaterThanOrEqual(140);

      const status = await json("status", ...queue());
      expect(status.exitCode).toBe(0);
      expect(status.result.queue).toMatchObject({
        jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
        batches: [{ complete: true, jobs: { total: 140, done: 140 }, documents: { read: 1400, skipped: 2, dead: 0 } }],
        leftMs: null,
      });
      expect(status.result.queue.workers.map(({ state }: { state: string }) => state)).toEqual(["stalled"]);
      // What one process makes of the same input: nothing is missing, nothing differs, nothing is there twice.
      const alone = await json("docs.jsonl", "--collection", "alone");
      const again = await json("docs.jsonl", "--collection", "queued");
      expect(again.result.documents).toEqual({ read: 1400, ok: 0, unchanged: 1398, skipped: 2, dead: 0 });
      expect(again.result.chunks).toEqual({ written: 0, unchanged: alone.result.chunks.written, deleted: 0 });
      const complete = await json("verify", "docs.jsonl", "--collection", "queued");
      expect(complete.exitCode, complete.stderr).toBe(0);
      const verified = await cluster.cli(["shard", "verify", "--collection", "queued", "--json"]);
      expect(verified.json().result).toMatchObject({ clean: true, checked: alone.result.chunks.written });
    },
  );

  test("Ctrl-C finishes what is in hand and leaves the rest", { timeout: 120_000 }, async () => {
    await json("enqueue", "docs.jsonl", "--collection", "drained", "--items-per-job", "50", ...queue());
    const worker = cluster.start(["ingest", "worker", ...queue(), "--json"]);
    await until((status) => doneOf(status) >= 2);
    worker.child.kill("SIGINT");
    const ended = await worker.ended;
    expect(ended.exitCode).toBe(130);
    expect(ended.json().result).toMatchObject({ ended: "interrupted", jobs: { failed: 0 } });
    const { jobs, batches } = await queueStatus(link, realClock);
    expect(jobs).toMatchObject({ active: 0, delayed: 0, failed: 0 });
    expect(jobs.waiting + batches[0]!.jobs.done).toBe(28);
    expect((await json("worker", "--until-empty", ...queue())).exitCode).toBe(0);
  });

  test(
    "what cannot become a document is told with its reason, and can be written down for a retry",
    { timeout: 120_000 },
    async () => {
      writeFileSync(
        join(cluster.dir, "broken.jsonl"),
        '{"id":"a","text":"fine"}\n{"id":"b","text":\n{"id":"c","text":"fine too"}\n',
      );
      await json("enqueue", "broken.jsonl", "--collection", "broken", ...queue());
      expect((await json("worker", "--until-empty", ...queue())).exitCode).toBe(0);
      const status = await json("status", "--dead-letters", "dead.jsonl", ...queue());
      expect(status.exitCode).toBe(4);
      expect(status.result.queue.deadLetters.records).toBe(1);
      const retried = await json("retry", "dead.jsonl");
      expect(retried.result.documents).toMatchObject({ read: 1, dead: 1 });
    },
  );

  test(
    "a file that is another one here is given up on after its attempts, and --retry takes it again",
    { timeout: 120_000 },
    async () => {
      const file = join(cluster.dir, "moving.jsonl");
      writeFileSync(file, '{"id":"a","text":"as it was"}\n');
      await json("enqueue", "moving.jsonl", "--collection", "moving", "--attempts", "1", ...queue());
      writeFileSync(file, '{"id":"a","text":"as it is now"}\n');
      await json("worker", "--until-empty", ...queue());
      const failed = await json("status", ...queue());
      expect(failed.exitCode).toBe(4);
      expect(failed.result.queue.deadLetters.jobs).toMatchObject([{ source: "moving.jsonl" }]);
      expect(failed.result.queue.deadLetters.jobs[0].reason).toMatch(/bytes here; \d+ were enqueued/);
      writeFileSync(file, '{"id":"a","text":"as it was"}\n');
      expect((await json("enqueue", "--retry", ...queue())).result.retried).toBe(1);
      await json("worker", "--until-empty", ...queue());
      expect((await queueStatus(link, realClock)).jobs.failed).toBe(0);
    },
  );

  test(
    "a queue that goes away ends the worker with a sentence and exit 3; one that is not there, at once",
    { timeout: 120_000 },
    async () => {
      const worker = cluster.start(["ingest", "worker", ...queue(), "--patience", "1s"]);
      await until(({ workers }) => workers.some(({ state, pid }) => state === "idle" && pid === worker.child.pid));
      await redis.kill();
      const { exitCode, stderr } = await worker.ended;
      expect(stderr).toContain("The queue's Redis at redis://127.0.0.1");
      expect(stderr).toContain("cannot be reached");
      expect(exitCode).toBe(3);
      const status = await json("status", ...queue());
      expect(status).toMatchObject({ exitCode: 3, error: { code: "queue-unreachable" } });
    },
  );
});
