import type { Operation, UpsertOperationSpec } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import { FreshnessProber } from "../mixed/freshness.ts";
import { runField, runKey } from "../mixed/run-key.ts";
import { WrittenKeys } from "../mixed/written-keys.ts";
import { connectFor } from "./client.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf } from "./failure.ts";

/**
 * Writes points of the run's own, tagged in their payload, each once or over and over. What is acknowledged is looked for until a search finds it. Between
 * the start and the send lies the client's own work (placing, stamping, serialising), which counts as service.
 */
export async function upsertOperation(spec: UpsertOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { nowUs, seed, timeoutMs, observe } = deps;
  const { collection, vectors, batch, tag, freshness } = spec;
  // A key that two clients write at one instant may end differently on its replicas: each belongs to one worker.
  const turns = batch * deps.stride;
  const keys = spec.keys === undefined ? Infinity : Math.ceil(spec.keys / turns) * turns;
  const written = spec.written && new WrittenKeys(spec.written);
  const client = await connectFor(spec, deps);
  const all = new Float32Array(vectors.vectors);
  const choose = chooser(spec.choice, vectors.count, seed);
  const prober = freshness && new FreshnessProber({ client, collection, clock: deps.clock, nowUs, timeoutMs, ...freshness });
  // The lease, the table and connections, before the clock starts.
  await client.fetch(collection, [runKey(tag, 0)], { timeoutMs }).catch(() => {});
  return {
    start(ticket) {
      const records = Array.from({ length: batch }, (_, at) => {
        const n = ticket.index * batch + at;
        const item = choose(n) * vectors.dim;
        return { key: runKey(tag, n % keys), vector: all.slice(item, item + vectors.dim), payload: { [runField]: tag } };
      });
      const startUs = nowUs();
      ticket.sentUs = startUs;
      const mine = records.map(({ key }) => key);
      client.upsert(collection, records, { timeoutMs }).then(
        ({ failed, version, acknowledged }) => {
          const endUs = nowUs();
          const cause = failed.length > 0 ? "write-failed" : undefined;
          ticket.settle(endUs, cause);
          observe?.({
            op: "upsert",
            collection,
            keys: mine,
            version,
            startUs,
            endUs,
            outcome: cause ?? "ok",
            ...(cause !== undefined && { acknowledged }),
          });
          if (cause === undefined) for (let at = 0; at < batch; at++) written?.add((ticket.index * batch + at) % keys);
          // What is written over is found at once, as it was before.
          if (cause === undefined && prober && ticket.index * batch < keys) {
            const { key, vector } = records[0]!;
            prober.look(key, vector, endUs, (us) => ticket.measure("freshness", us));
          }
        },
        (error: unknown) => {
          const endUs = nowUs();
          ticket.settle(endUs, causeOf(error));
          observe?.({ op: "upsert", collection, keys: mine, startUs, endUs, outcome: causeOf(error) });
        },
      );
    },
    drain: async (signal) => await prober?.drain(signal),
    close: () => client.close(),
  };
}
