import type { ClusterClient } from "../../src/cluster/index.ts";
import type { Rng } from "../../src/runtime.ts";

/** What was written to one key, the latest last; `undefined`: deleted. */
interface Op {
  value: number | undefined;
  acked: boolean;
}

export interface RecordingWriter {
  acknowledged: number;
  refused: { key: string; reason: string }[];
  /** Ends it, and waits for what is in flight. */
  stop(): Promise<void>;
  /** Keys whose stored value is none that it may be: the last acknowledged one, or an unacknowledged one after it. */
  wrong(): Promise<string[]>;
}

/** A mover that dies in its pause holds writes for 2 s, until a writer ends it. */
const patient = { timeoutMs: 10_000 };

/** Upserts and deletes a few keys without a pause between, and remembers what was acknowledged. */
export function startWriter(
  client: ClusterClient,
  collection: string,
  options: { keys: number; dim: number; rng: Rng; name?: string },
): RecordingWriter {
  const { keys, dim, rng, name = "writer" } = options;
  const history = new Map<string, Op[]>();
  const state = { stopped: false };
  let value = 0;
  const writer: RecordingWriter = {
    acknowledged: 0,
    refused: [],
    async stop() {
      state.stopped = true;
      await running;
    },
    async wrong() {
      // What is acknowledged while it is read may be found or not.
      const acked = new Map([...history].map(([key, ops]) => [key, ops.findLastIndex((op) => op.acked)]));
      const stored = new Map(
        (await client.fetch(collection, [...acked.keys()])).map(({ key, payload }) => [key, payload["value"]]),
      );
      return [...acked].flatMap(([key, last]) => {
        const ops = history.get(key)!;
        const fine = ops.slice(Math.max(0, last)).map((op) => op.value);
        if (last < 0) fine.push(undefined);
        return fine.includes(stored.get(key) as number | undefined)
          ? []
          : [`${key} is ${String(stored.get(key))}, not ${fine.join(" or ")}`];
      });
    },
  };
  const running = (async () => {
    while (!state.stopped) {
      const batch = [...new Set(Array.from({ length: 4 }, () => `${name} ${Math.floor(rng() * keys)}`))];
      const op: Op = { value: rng() < 0.2 ? undefined : ++value, acked: false };
      const ops = new Map(batch.map((key) => [key, { ...op }]));
      for (const [key, one] of ops) history.set(key, [...(history.get(key) ?? []), one]);
      const vector = Array.from({ length: dim }, () => rng() - 0.5);
      const result =
        op.value === undefined
          ? await client.delete(collection, batch, patient)
          : await client.upsert(
              collection,
              batch.map((key) => ({ key, vector, payload: { value: op.value } })),
              patient,
            );
      for (const key of result.acknowledged) ops.get(key)!.acked = true;
      writer.acknowledged += result.acknowledged.length;
      writer.refused.push(...result.failed);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  // Awaited by `stop`, which reports it.
  running.catch(() => undefined);
  return writer;
}
