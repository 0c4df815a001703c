import { createPool } from "../../src/http/pool.ts";
import type { PreparedRequest } from "../../src/http/contract.ts";
import { serveHttp } from "./http-server.ts";

type StoredPoint = { id: number | string; payload?: Record<string, unknown>; vector?: unknown };

/** What a store stand-in lies about. Asked for each point, once a request; true: now it lies. */
export interface Lies {
  /** Acknowledges this point, and does not store it. */
  swallow?: (point: StoredPoint) => boolean;
  /** Answers a fetch with what this point was first. */
  answerOld?: (point: StoredPoint) => boolean;
  /** Answers a fetch as if this point were not there. */
  hide?: (point: StoredPoint) => boolean;
  /** Acknowledges a deletion of this id, and does not delete. */
  keep?: (id: number | string) => boolean;
}

export interface LyingProxy {
  url: string;
  /** Ids that were lied about, by kind of lie. */
  readonly told: Record<keyof Lies, (number | string)[]>;
  close(): Promise<void>;
}

const accepted = Buffer.from(JSON.stringify({ result: { operation_id: 1, status: "completed" }, status: "ok", time: 0.001 }));

/** Stands before a node that speaks Qdrant, passes everything on, and lies where it is told to. */
export async function lyingProxy(target: string, lies: Lies): Promise<LyingProxy> {
  const pool = createPool({ origin: target, connections: 64 });
  const first = new Map<number | string, StoredPoint>();
  const told: LyingProxy["told"] = { swallow: [], answerOld: [], hide: [], keep: [] };
  const lied = (kind: keyof Lies, id: number | string, lie: boolean | undefined) => lie === true && told[kind].push(id) > 0;

  /** What is passed on in the place of a body; undefined: nothing, and it is acknowledged all the same. */
  const forwarded = (method: string, path: string, body: Buffer): Buffer | undefined => {
    if (method === "PUT" && /\/points(\?|$)/.test(path)) {
      const { points, ...rest } = JSON.parse(body.toString()) as { points: StoredPoint[] };
      for (const point of points) if (!first.has(point.id)) first.set(point.id, point);
      const kept = points.filter((point) => !lied("swallow", point.id, lies.swallow?.(point)));
      if (kept.length === points.length) return body;
      return kept.length === 0 ? undefined : Buffer.from(JSON.stringify({ ...rest, points: kept }));
    }
    if (method === "POST" && path.includes("/points/delete")) {
      const { points, ...rest } = JSON.parse(body.toString()) as { points?: (number | string)[] };
      const left = points?.filter((id) => !lied("keep", id, lies.keep?.(id)));
      if (!points || left!.length === points.length) return body;
      return left!.length === 0 ? undefined : Buffer.from(JSON.stringify({ ...rest, points: left }));
    }
    return body;
  };
  const answered = (method: string, path: string, body: Buffer): Buffer => {
    if (method !== "POST" || !/\/points(\?|$)/.test(path)) return body;
    const { result, ...rest } = JSON.parse(body.toString()) as { result: StoredPoint[] };
    const shown = result
      .filter((point) => !lied("hide", point.id, lies.hide?.(point)))
      .map((point) =>
        lied("answerOld", point.id, lies.answerOld?.(point))
          ? Object.assign({}, point, { payload: first.get(point.id)!.payload })
          : point,
      );
    return Buffer.from(JSON.stringify({ ...rest, result: shown }));
  };

  const server = await serveHttp(
    async (request, given, response) => {
      const method = request.method as PreparedRequest["method"];
      const path = request.url!;
      const body = given.length === 0 ? given : forwarded(method, path, given);
      if (!body) return void response.writeHead(200, { "content-type": "application/json" }).end(accepted);
      const answer = await pool.send(
        { method, path, headers: ["content-type", "application/json"], kind: "write", ...(body.length > 0 && { body }) },
        { timeoutMs: 60_000 },
      );
      response
        .writeHead(answer.status, { "content-type": String(answer.headers["content-type"] ?? "text/plain") })
        .end(answer.status === 200 ? answered(method, path, answer.body) : answer.body);
    },
    (_error, _request, response) => void response.destroy(),
  );
  return {
    url: server.url,
    told,
    async close() {
      await server.close();
      await pool.close();
    },
  };
}
