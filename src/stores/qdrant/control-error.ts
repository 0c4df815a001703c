import { TransportError } from "../../http/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { NodeEndpoint } from "../contract.ts";
import { nodeUnreachable } from "../unreachable.ts";
import { errorOf, saysFull } from "./failure.ts";

/** HTTP status of what the official client threw for an answer that is not 2xx (its ApiError is not exported). */
function statusOf(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | null)?.status;
  return error instanceof Error && typeof status === "number" ? status : undefined;
}

/**
 * What the official client threw, as a sentence (exit 3): unreachable, the wrong key, or Qdrant's own words.
 * @param timedOutMs given when the caller's timeout is what ended the request
 */
export function controlError(node: NodeEndpoint, error: unknown, timedOutMs: number | undefined): RagctlError {
  if (timedOutMs !== undefined)
    return nodeUnreachable(
      node,
      new TransportError("timeout", `${node.url}: no complete answer within ${timedOutMs} ms`, true, error),
    );
  const status = statusOf(error);
  if (status === undefined)
    return error instanceof SyntaxError ? notQdrant(node, "the body is not JSON", error) : nodeUnreachable(node, error);
  const data = (error as { data?: unknown }).data;
  const said =
    errorOf(data) ?? (typeof data === "string" && data !== "" && !data.startsWith("<") ? data.slice(0, 200) : undefined);
  return refusal(node, status, said, error);
}

function refusal(node: NodeEndpoint, status: number, said: string | undefined, cause: unknown): RagctlError {
  const where = `node ${node.id} (${node.url})`;
  if (status === 401 || status === 403)
    return make(`${where} refused the api key`, {
      code: "node-refused-key",
      hint: node.apiKey
        ? "Check store.apiKey, or the node's own apiKey: the server has another one, or this one may not do that."
        : "Set store.apiKey, or the node's own apiKey: the server wants one and none is configured.",
    });
  if (status === 404 && said === undefined)
    return make(`${where} answers, but not as Qdrant does (HTTP 404)`, { code: "store-answer-unexpected", hint: notQdrantHint });
  if (saysFull(status, said ?? ""))
    return make(`${where} is full: ${said ?? `HTTP ${status}`}`, {
      code: "node-full",
      hint: "Make room on it: a larger quota or disk, or fewer points.",
    });
  return make(`${where} refused: ${said ?? `HTTP ${status}`}`, {
    code: status >= 500 ? "store-failed" : "store-refused",
    hint:
      status >= 500
        ? "See the node's log; the request may be tried again."
        : "The request is wrong for the state that the node is in.",
  });

  function make(message: string, { code, hint }: { code: string; hint: string }): RagctlError {
    const details = { node: node.id, url: node.url, status };
    return new RagctlError(message, { code, exitCode: ExitCode.unreachable, hint, details, cause });
  }
}

const notQdrantHint = "Is the node's URL that of a Qdrant server, with no proxy in between that answers for it?";

/** A 2xx answer that is not what Qdrant documents. */
export function notQdrant(node: NodeEndpoint, what: string, cause?: unknown): RagctlError {
  return new RagctlError(`node ${node.id} (${node.url}) answers, but not as Qdrant does: ${what}`, {
    code: "store-answer-unexpected",
    exitCode: ExitCode.unreachable,
    hint: notQdrantHint,
    details: { node: node.id, url: node.url },
    cause,
  });
}

export interface Answer<T> {
  data: { result?: T };
}

/** The `result` of an answer; what the generated types call optional, Qdrant always sends. */
export function resultIn<T>(node: NodeEndpoint, answer: Answer<T>): T {
  if (answer.data?.result === undefined || answer.data.result === null) throw notQdrant(node, "its answer has no result");
  return answer.data.result;
}

/** Whether an error of a control call was an answer with this status. */
export function isStatus(error: unknown, status: number): error is RagctlError {
  return error instanceof RagctlError && statusOf(error.cause) === status;
}
