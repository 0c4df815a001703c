import type { IncomingMessage, ServerResponse } from "node:http";
import { serveHttp } from "./http-server.ts";

interface EmbeddingCall {
  texts: string[];
  /** When its bytes were here, ms. */
  atMs: number;
}

/** What the server does with a call: undefined: the right answer; otherwise it has answered, or never will. */
type Trouble = (
  call: EmbeddingCall,
  response: ServerResponse,
  request: IncomingMessage,
) => void | undefined | "handled" | Promise<void | "handled">;

/** The one right vector of a text. */
export function vectorOf(text: string, dim: number): number[] {
  return Array.from({ length: dim }, (_, at) => Math.fround(Math.sin(text.length + text.charCodeAt(at % text.length) + at)));
}

/** An OpenAI-compatible endpoint that can be made to misbehave. */
export async function startEmbeddingServer(dim: number, trouble: Trouble = () => undefined) {
  const calls: EmbeddingCall[] = [];
  const state = { trouble };
  const server = await serveHttp(
    async (request, body, response) => {
      const { input } = JSON.parse(body.toString()) as { input: string[] };
      const call = { texts: input, atMs: performance.now() };
      calls.push(call);
      if ((await state.trouble(call, response, request)) === "handled") return;
      answer(
        response,
        input.map((text) => vectorOf(text, dim)),
      );
    },
    (_error, _request, response) => response.destroy(),
  );
  return { ...server, calls, state };
}

/** A 200 with these vectors, right or not. */
export function answer(response: ServerResponse, vectors: unknown[]): "handled" {
  // JSON has no NaN; some servers write it all the same.
  const rows = vectors.map((vector, index) => `{"index":${index},"embedding":[${(vector as number[]).join(",")}]}`);
  response.setHeader("content-type", "application/json");
  response.end(`{"data":[${rows.join(",")}]}`);
  return "handled";
}

export function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): "handled" {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ error: { message: `status ${status}` } }));
  return "handled";
}
