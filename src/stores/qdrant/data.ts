import type { Schemas } from "@qdrant/js-client-rest";
import type { PreparedRequest } from "../../http/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { formatBytes } from "../../units.ts";
import type { DataFace, PointId, SearchOptions, ShardKey, StoreCapabilities, Vector } from "../contract.ts";
import { JsonBytes } from "../json-bytes.ts";
import { checkedFilter } from "./filter.ts";
import { qdrantFailure } from "./failure.ts";
import { checkIds } from "./ids.ts";
import { parseCount, parseFetch, parseScroll, parseSearch, parseWrite } from "./parse.ts";

/** Shared by all requests, so that a pool that adds its own headers merges them once. */
const jsonHeaders = ["content-type", "application/json"];

/**
 * Qdrant's data face for one collection (or alias) and one vector of it: pure, typed by what Qdrant generates from its
 * OpenAPI file, using what servers 1.16 to 1.19 document.
 */
export function qdrantData(collection: string, vectorName: string | undefined, capabilities: StoreCapabilities): DataFace {
  const base = `/collections/${encodeURIComponent(collection)}/points`;
  const writer = new JsonBytes();
  const withVector = (wanted: boolean | undefined): Schemas["WithVector"] =>
    wanted && vectorName !== undefined ? [vectorName] : (wanted ?? false);

  const post = (path: string, body: Buffer, kind: "read" | "write"): PreparedRequest => request("POST", base + path, body, kind);

  return {
    prepareSearch(vector, options) {
      writer.clear().text(`{"query":`);
      writeVector(writer, vector);
      const rest = JSON.stringify({
        ...searchBody(options),
        with_vector: withVector(options.withVector),
        ...(vectorName !== undefined && { using: vectorName }),
      } satisfies Schemas["QueryRequest"]);
      return post("/query", writer.text(`,${rest.slice(1)}`).take(), "read");
    },
    parseSearch: (body) => parseSearch(body, vectorName),

    prepareUpsert(points, { wait, onlyIf, shardKey }) {
      if (points.length > capabilities.maxBatch) throw tooMany(points.length, capabilities.maxBatch);
      checkIds(points.map((point) => point.id));
      writer.clear().text(`{"points":[`);
      for (const [i, point] of points.entries()) {
        writer.text(`${i === 0 ? "" : ","}{"id":${JSON.stringify(point.id)},"vector":`);
        if (!point.vector)
          throw invalid("vector-missing", `point ${point.id} has no vector`, "An upsert replaces the whole point.");
        if (vectorName !== undefined) writer.text(`{${JSON.stringify(vectorName)}:`);
        writeVector(writer, point.vector);
        writer.text(vectorName !== undefined ? "}" : "");
        writer.text(point.payload ? `,"payload":${JSON.stringify(point.payload)}}` : "}");
      }
      const condition = onlyIf ? `,"update_filter":${JSON.stringify(checkedFilter(onlyIf))}` : "";
      const key = shardKey === undefined ? "" : `,"shard_key":${JSON.stringify(shardKey)}`;
      const body = writer.text(`]${condition}${key}}`).take();
      if (body.length > capabilities.maxBodyBytes) throw tooLarge(points.length, body.length, capabilities.maxBodyBytes);
      return request("PUT", `${base}?wait=${wait}`, body, "write");
    },
    parseWrite,

    prepareFetch(ids, { withPayload, withVector: vectors, shardKeys }) {
      checkIds(ids);
      const body: Schemas["PointRequest"] = {
        ids: [...ids],
        with_payload: withPayload ?? false,
        with_vector: withVector(vectors),
        ...selected(shardKeys),
      };
      return post("", json(body), "read");
    },
    parseFetch: (body) => parseFetch(body, vectorName),

    prepareCount(filter) {
      const body: Schemas["CountRequest"] = { exact: true, ...(filter && { filter: checkedFilter(filter) }) };
      return post("/count", json(body), "read");
    },
    parseCount,

    prepareScroll({ filter, limit, offset, withPayload, withVector: vectors, shardKeys }) {
      if (offset !== undefined) checkIds([offset]);
      const body: Schemas["ScrollRequest"] = {
        limit,
        with_payload: withPayload ?? false,
        with_vector: withVector(vectors),
        ...(filter && { filter: checkedFilter(filter) }),
        ...(offset !== undefined && { offset }),
        ...selected(shardKeys),
      };
      return post("/scroll", json(body), "read");
    },
    parseScroll: (body) => parseScroll(body, vectorName),

    prepareDelete(target, { wait, shardKeys }) {
      const chosen = "ids" in target ? { points: idList(target.ids) } : { filter: checkedFilter(target.filter) };
      const body: Schemas["PointsSelector"] = { ...chosen, ...selected(shardKeys) };
      return post(`/delete?wait=${wait}`, json(body), "write");
    },

    prepareSetPayload(target, payload, { wait }) {
      const points = "ids" in target ? { points: idList(target.ids) } : { filter: checkedFilter(target.filter) };
      const body: Schemas["SetPayload"] = { payload, ...points };
      return post(`/payload?wait=${wait}`, json(body), "write");
    },

    failure: qdrantFailure,
  };
}

function searchBody(options: SearchOptions): Schemas["QueryRequest"] {
  const { k, filter, withPayload, ef, exact, scoreThreshold, shardKeys } = options;
  return {
    limit: k,
    with_payload: withPayload ?? false,
    ...(filter && { filter: checkedFilter(filter) }),
    ...((ef !== undefined || exact !== undefined) && {
      params: { ...(ef !== undefined && { hnsw_ef: ef }), ...(exact !== undefined && { exact }) },
    }),
    ...(scoreThreshold !== undefined && { score_threshold: scoreThreshold }),
    ...selected(shardKeys),
  };
}

function selected(shardKeys: readonly ShardKey[] | undefined): { shard_key?: ShardKey[] } {
  return shardKeys ? { shard_key: [...shardKeys] } : {};
}

function idList(ids: readonly PointId[]): PointId[] {
  checkIds(ids);
  return [...ids];
}

function request(method: "POST" | "PUT", path: string, body: Buffer, kind: "read" | "write"): PreparedRequest {
  return { method, path, headers: jsonHeaders, body, kind };
}

function json(body: object): Buffer {
  return Buffer.from(JSON.stringify(body));
}

function writeVector(writer: JsonBytes, vector: Vector): void {
  try {
    writer.vector(vector);
  } catch (error) {
    throw invalid(
      "vector-invalid",
      (error as Error).message,
      "Check what made the vector: an embedder that overflows gives NaN.",
    );
  }
}

function tooMany(points: number, max: number): RagctlError {
  return invalid("batch-too-large", `${points} points in one upsert, ${max} at most`, "Write fewer points at once.");
}

function tooLarge(points: number, bytes: number, maxBytes: number): RagctlError {
  return invalid(
    "batch-too-large",
    `${points} points make a body of ${formatBytes(bytes)}; Qdrant takes ${formatBytes(maxBytes)}`,
    "Write fewer points at once.",
  );
}

function invalid(code: string, message: string, hint: string): RagctlError {
  return new RagctlError(message, { code, exitCode: ExitCode.usage, hint });
}
