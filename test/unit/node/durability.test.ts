import { expect, it, onTestFinished, vi } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import { startNode, type TestNode } from "../../helpers/node.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { clusteredVectors } from "../../helpers/vectors.ts";

const size = 48;
const rounds = 4;
const writers = 3;
const collection = "/collections/docs";

interface Known {
  revision: number;
  vector: number[];
}
/** What may be found for an id: `undefined` stands for "no point". More than one where a write was not answered. */
type Possible = (Known | undefined)[];

async function send(node: TestNode, method: string, path: string, body: unknown): Promise<any> {
  const answer = await fetch(node.url + path, {
    method,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  const parsed = (await answer.json()) as any;
  if (answer.status !== 200) throw Object.assign(new Error(JSON.stringify(parsed)), { answered: true });
  return parsed.result;
}

it("keeps every acknowledged write through kill -9 at random moments, and finds it", { timeout: 120_000 }, async () => {
  const seed = Number(process.env["RAGCTL_SEED"] ?? 20_260_401);
  console.log(`durability: seed ${seed} (the moments of the kills also depend on the machine)`);
  const rng = seededRng(seed);
  const next = clusteredVectors({ size, clusters: 20, seed });
  const dir = tempDir();
  const possible = new Map<number, Possible>();
  let revision = 0;
  let acknowledged = 0;
  let node = await startNode({ dir });
  onTestFinished(() => node.kill());
  await send(node, "PUT", collection, { vectors: { size, distance: "Cosine" } });

  /** Upserts and deletes ids of its own until the node dies. */
  async function write(writer: number): Promise<void> {
    for (;;) {
      const ids = [
        ...new Set(Array.from({ length: 1 + Math.floor(rng() * 30) }, () => Math.floor(rng() * 400) * writers + writer)),
      ];
      const isDelete = rng() < 0.2;
      const after = new Map<number, Known | undefined>(
        ids.map((id) => [id, isDelete ? undefined : { revision: ++revision, vector: next() }]),
      );
      const before = new Map(ids.map((id) => [id, possible.get(id) ?? [undefined]]));
      for (const id of ids) possible.set(id, [...before.get(id)!, after.get(id)]);
      const points = [...after].map(([id, known]) => ({ id, vector: known?.vector, payload: { revision: known?.revision } }));
      try {
        if (isDelete) await send(node, "POST", `${collection}/points/delete?wait=true`, { points: ids });
        else await send(node, "PUT", `${collection}/points?wait=true`, { points });
      } catch (error) {
        if ((error as { answered?: boolean }).answered) throw error;
        return;
      }
      acknowledged += ids.length;
      for (const id of ids) possible.set(id, [after.get(id)]);
    }
  }

  for (let round = 0; round < rounds; round++) {
    const acknowledgedBefore = acknowledged;
    const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    const enough = 50 + Math.floor(rng() * 1500);
    await vi.waitUntil(() => acknowledged - acknowledgedBefore > enough, { timeout: 60_000, interval: 1 });
    await node.kill();
    await writing;
    node = await startNode({ dir });
    const found = new Map<number, Known>();
    for (const { id, payload, vector } of await send(node, "POST", `${collection}/points`, {
      ids: [...possible.keys()],
      with_vector: true,
    }))
      found.set(id, { revision: payload.revision, vector });
    for (const [id, states] of possible) {
      const held = found.get(id);
      const state = states.find((one) => one?.revision === held?.revision);
      expect(
        states.map((one) => one?.revision),
        `seed ${seed}, round ${round}, id ${id}`,
      ).toContain(held?.revision);
      possible.set(id, [state]);
    }
    // Searchable too: each point is its own nearest neighbour, at once, whether its graph was saved or not.
    const sample = [...possible].filter(([, [state]]) => state !== undefined).slice(0, 300);
    const searches = sample.map(([, [state]]) => ({ query: state!.vector, limit: 1 }));
    const answers: { points: { id: number; score: number }[] }[] = await send(node, "POST", `${collection}/points/query/batch`, {
      searches,
    });
    for (const [index, [id]] of sample.entries())
      expect(answers[index]!.points[0], `seed ${seed}, round ${round}`).toMatchObject({
        id,
        score: expect.closeTo(1, 5) as number,
      });
    const alive = [...possible.values()].filter(([state]) => state !== undefined).length;
    expect(await send(node, "POST", `${collection}/points/count`, { exact: true })).toEqual({ count: alive });
  }
  expect(acknowledged).toBeGreaterThan(rounds * 50);
});

it("after an orderly stop needs no indexing, after a crash only the tail", { timeout: 60_000 }, async () => {
  const next = clusteredVectors({ size, clusters: 20, seed: 5 });
  const dir = tempDir();
  const points = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({ id: from + index, vector: next() }));
  let node = await startNode({ dir });
  onTestFinished(() => node.kill());
  await send(node, "PUT", collection, { vectors: { size, distance: "Cosine" } });
  const first = points(0, 1500);
  await send(node, "PUT", `${collection}/points?wait=true`, { points: first });
  expect(await node.stop()).toBe(0);
  node = await startNode({ dir });
  const info = async () => ((await (await fetch(node.url + collection)).json()) as any).result;
  expect(await info()).toMatchObject({ points_count: 1500, indexed_vectors_count: 1500 });
  const tail = points(1490, 100);
  await send(node, "PUT", `${collection}/points?wait=true`, { points: tail });
  await send(node, "POST", `${collection}/points/delete?wait=true`, { points: [0, 1, 2] });
  await node.kill();
  node = await startNode({ dir });
  const searches = [first[0]!, first[700]!, ...tail].map(({ vector }) => ({ query: vector, limit: 1 }));
  const answers: any[] = await send(node, "POST", `${collection}/points/query/batch`, { searches });
  expect(answers.slice(1).map((answer) => answer.points[0].id)).toEqual([700, ...tail.map(({ id }) => id)]);
  expect(answers[0].points[0].id).not.toBe(0);
  expect(await info()).toMatchObject({ points_count: 1587 });
});
