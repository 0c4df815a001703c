import type { FetchOperationSpec, Operation } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import { runKey } from "../mixed/run-key.ts";
import { WrittenKeys } from "../mixed/written-keys.ts";
import { connectFor } from "./client.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf } from "./failure.ts";

/** Reads points by key; a key that is not there makes the operation an error (`missing`): the keys are known to exist. */
export async function fetchOperation(spec: FetchOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { nowUs, seed, timeoutMs, observe } = deps;
  const { collection, batch } = spec;
  const client = await connectFor(spec, deps);
  const choose = chooser(spec.choice, spec.keys.length, seed);
  const { own } = spec;
  const written = own && new WrittenKeys(own.written);
  const ownKey = (): string | undefined => {
    const n = written?.pick(deps.rng());
    return n === undefined ? undefined : runKey(own!.tag, n);
  };
  const keysOf = (index: number) => {
    const readsOwn = own !== undefined && deps.rng() < own.share;
    return [
      ...new Set(
        Array.from({ length: batch }, (_, at) => (readsOwn ? ownKey() : undefined) ?? spec.keys[choose(index * batch + at)]!),
      ),
    ];
  };
  await client.fetch(collection, keysOf(0), { timeoutMs }).catch(() => {});
  return {
    start(ticket) {
      const keys = keysOf(ticket.index);
      const startUs = nowUs();
      ticket.sentUs = startUs;
      client.fetch(collection, keys, { timeoutMs }).then(
        (records) => {
          const endUs = nowUs();
          const cause = records.length < keys.length ? "missing" : undefined;
          ticket.settle(endUs, cause);
          observe?.({
            op: "fetch",
            collection,
            keys,
            startUs,
            endUs,
            outcome: cause ?? "ok",
            hits: records.map(({ key, version }) => ({ key, ...(version !== undefined && { version }) })),
          });
        },
        (error: unknown) => {
          const endUs = nowUs();
          ticket.settle(endUs, causeOf(error));
          observe?.({ op: "fetch", collection, keys, startUs, endUs, outcome: causeOf(error) });
        },
      );
    },
    close: () => client.close(),
  };
}
