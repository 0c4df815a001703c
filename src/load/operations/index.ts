import type { Operation, OperationSpec } from "../contract.ts";
import type { OperationDeps } from "./deps.ts";

type OfKind<K extends OperationSpec["kind"]> = Extract<OperationSpec, { kind: K }>;

interface OperationEntry<S extends OperationSpec> {
  create(spec: S, deps: OperationDeps): Promise<Operation>;
  /** Throws RagctlError exit 3 where a run would be nothing but errors. */
  preflight(spec: S, deps: OperationDeps): Promise<void>;
}

/** Every kind of operation. A worker loads only the one it runs. */
const operations: { [K in OperationSpec["kind"]]: OperationEntry<OfKind<K>> } = {
  http: {
    create: async (spec, deps) => (await import("./http.ts")).httpOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./http-preflight.ts")).httpPreflight(spec, deps),
  },
  search: {
    create: async (spec, deps) => (await import("./search.ts")).searchOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./search-preflight.ts")).searchPreflight(spec, deps),
  },
  upsert: {
    create: async (spec, deps) => (await import("./upsert.ts")).upsertOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./cluster-preflight.ts")).upsertPreflight(spec, deps),
  },
  fetch: {
    create: async (spec, deps) => (await import("./fetch.ts")).fetchOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./cluster-preflight.ts")).fetchPreflight(spec, deps),
  },
  rag: {
    create: async (spec, deps) => (await import("./rag.ts")).ragOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./rag-preflight.ts")).ragPreflight(spec, deps),
  },
  cache: {
    create: async (spec, deps) => (await import("./cache.ts")).cacheOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./service-preflight.ts")).cachePreflight(spec, deps),
  },
  "cached-search": {
    create: async (spec, deps) => (await import("./cached-search.ts")).cachedSearchOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./cached-search-preflight.ts")).cachedSearchPreflight(spec, deps),
  },
  embed: {
    create: async (spec, deps) => (await import("./embed.ts")).embedOperation(spec, deps),
    preflight: async (spec, deps) => (await import("./service-preflight.ts")).embedPreflight(spec, deps),
  },
};

function entryOf(spec: OperationSpec): OperationEntry<OperationSpec> {
  return operations[spec.kind];
}

export function createOperation(spec: OperationSpec, deps: OperationDeps): Promise<Operation> {
  return entryOf(spec).create(spec, deps);
}

export function preflight(spec: OperationSpec, deps: OperationDeps): Promise<void> {
  return entryOf(spec).preflight(spec, deps);
}
