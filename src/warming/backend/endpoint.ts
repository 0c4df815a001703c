import { Pool } from "undici";
import { ExitCode, RagctlError } from "../../errors.ts";
import { explainTransport } from "../../http/failure.ts";
import { undiciOptions } from "../../http/pool.ts";
import { ragRequest } from "../../load/operations/rag.ts";
import type { WarmBackend } from "../run/contract.ts";

export interface EndpointParts {
  url: string;
  method: "GET" | "POST";
  headers: Record<string, string>;
  /** Of the JSON body, or the parameter of a GET, that holds the question. */
  field: string;
  timeoutMs: number;
  connections: number;
}

/** Asks the application's own endpoint: what it answers it caches by itself. */
export function endpointBackend(parts: EndpointParts): WarmBackend & { close(): Promise<void> } {
  const { origin } = new URL(parts.url);
  const pool = new Pool(origin, undiciOptions({ connections: parts.connections }));
  const failed = (message: string, cause?: unknown) =>
    new RagctlError(message, {
      code: "endpoint-failed",
      exitCode: ExitCode.unreachable,
      hint: "check endpoints of the config",
      cause,
    });
  return {
    async answer(query, _vector, signal) {
      const { path, method, headers, body } = ragRequest(parts, query);
      let status: number;
      try {
        const options = { path, method, headers, body, signal: AbortSignal.any([signal, AbortSignal.timeout(parts.timeoutMs)]) };
        const answer = await pool.request(options);
        status = answer.statusCode;
        await answer.body.dump();
      } catch (error) {
        signal.throwIfAborted();
        throw failed(`${origin} could not be asked: ${explainTransport(error).reason}`, error);
      }
      if (status < 200 || status >= 300) throw failed(`${origin} answered with status ${status}`);
      return { result: undefined };
    },
    close: () => pool.destroy(),
  };
}
