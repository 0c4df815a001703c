import { RagctlError } from "../errors.ts";
import type { PreparedRequest } from "../http/contract.ts";
import type { DataFace } from "../stores/contract.ts";
import { idsOf, pointOf, type NodeWork, type PlannedKey } from "./write-plan.ts";

/** A part of a write: one request to one node. */
export interface WriteRequest {
  node: number;
  keys: readonly PlannedKey[];
  request: PreparedRequest;
}

/** The requests of one node's work, cut at the store's limits. */
export function prepareWork(data: DataFace, work: NodeWork, version: number, maxBatch: number): WriteRequest[] {
  const requests: WriteRequest[] = [];
  const add = (keys: readonly PlannedKey[], prepare: (keys: readonly PlannedKey[]) => PreparedRequest): void => {
    if (keys.length === 0) return;
    const half = Math.ceil(keys.length / 2);
    const halves = () => {
      add(keys.slice(0, half), prepare);
      add(keys.slice(half), prepare);
    };
    if (keys.length > maxBatch) return halves();
    try {
      requests.push({ node: work.node, keys, request: prepare(keys) });
    } catch (error) {
      if (!(error instanceof RagctlError && error.code === "batch-too-large") || keys.length === 1) throw error;
      halves();
    }
  };
  add(work.upsert, (keys) =>
    data.prepareUpsert(
      keys.map((planned) => pointOf(planned, version)),
      { wait: true },
    ),
  );
  add(work.remove, (keys) => data.prepareDelete({ ids: idsOf(keys) }, { wait: true }));
  return requests;
}
