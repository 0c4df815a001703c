import type { PreparedRequest } from "../../src/http/contract.ts";
import { createPool } from "../../src/http/pool.ts";
import { serveHttp } from "../helpers/http-server.ts";
import { validateAnswer, validateRequest } from "../helpers/openapi.ts";

export interface JudgingProxy {
  url: string;
  /** What was wrong with the requests and answers that passed since the last call, a line each. */
  findings(): string[];
  /** `POST /collections/{}/points/query 200`: what has passed so far, collection names and ids left out. */
  readonly seen: ReadonlySet<string>;
  close(): Promise<void>;
}

/**
 * Stands before a server and holds every request and every answer against Qdrant's OpenAPI file, whichever client sends them.
 * @param judgeAnswers not for a real Qdrant, which is its own authority, and may be older or newer than the file
 */
export async function judgingProxy(target: string, judgeAnswers: boolean): Promise<JudgingProxy> {
  const pool = createPool({ origin: target, connections: 64 });
  const seen = new Set<string>();
  let findings: string[] = [];
  const note = (what: string, list: { at: string; message: string }[], message: unknown): void => {
    for (const { at, message: problem } of list)
      findings.push(`${what}: ${at || "/"} ${problem}: ${(JSON.stringify(message) ?? "").slice(0, 300)}`);
  };
  const server = await serveHttp(
    async (request, sent, response) => {
      const method = request.method as PreparedRequest["method"];
      const path = request.url!;
      note(`request ${method} ${path}`, validateRequest(method, path, sent.length > 0 ? parsed(sent) : undefined), parsed(sent));
      const headers = ["content-type", "api-key", "accept"].flatMap((name) =>
        request.headers[name] === undefined ? [] : [name, String(request.headers[name])],
      );
      const answer = await pool.send(
        { method, path, headers, kind: "write", ...(sent.length > 0 && { body: sent }) },
        { timeoutMs: 60_000 },
      );
      const isJson = String(answer.headers["content-type"]).includes("json");
      const received = isJson ? parsed(answer.body) : answer.body.toString();
      if (judgeAnswers)
        note(`answer ${answer.status} to ${method} ${path}`, validateAnswer(method, path, answer.status, received), received);
      seen.add(`${method} ${shapeOf(path)} ${answer.status}`);
      response
        .writeHead(answer.status, { "content-type": String(answer.headers["content-type"] ?? "text/plain") })
        .end(answer.body);
    },
    (error, request, response) => {
      findings.push(`${request.method} ${request.url}: ${String(error)}`);
      response.destroy();
    },
  );
  return {
    url: server.url,
    findings() {
      const found = findings;
      findings = [];
      return found;
    },
    seen,
    async close() {
      await server.close();
      await pool.close();
    },
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return body.toString();
  }
}

function shapeOf(path: string): string {
  return path
    .split("?")[0]!
    .replace(/^\/collections\/(?!aliases(\/|$))[^/]+/, "/collections/{}")
    .replace(/\/points\/[0-9][0-9a-f-]*$/, "/points/{}");
}
