import { Client } from "undici";
import { ExitCode, RagctlError } from "../../errors.ts";
import { explainTransport } from "../../http/failure.ts";
import { undiciOptions } from "../../http/pool.ts";
import type { RagOperationSpec } from "../contract.ts";
import { ragRequest } from "./rag.ts";

/**
 * One question ahead of the run, to its last byte. A refusal (4xx) or a dead endpoint ends the command; a server error is measured, not refused.
 * @throws RagctlError exit 3
 */
export async function ragPreflight(spec: RagOperationSpec, { timeoutMs }: { timeoutMs: number }): Promise<void> {
  const { connections: _, ...options } = undiciOptions({});
  const client = new Client(new URL(spec.url).origin, options);
  const failed = (message: string, code: string, cause?: unknown) =>
    new RagctlError(message, { code, exitCode: ExitCode.unreachable, hint: "Check endpoints in the config.", cause });
  try {
    const { path, method, headers, body } = ragRequest(spec, spec.texts[0]!);
    const answer = await client.request({ path, method, headers, body, signal: AbortSignal.timeout(timeoutMs) });
    await answer.body.dump();
    const { statusCode: status } = answer;
    if (status >= 400 && status < 500 && status !== 408 && status !== 429)
      throw failed(`${spec.url} refused the question with status ${status}; nothing was measured`, "target-refused");
  } catch (error) {
    if (error instanceof RagctlError) throw error;
    throw failed(`${spec.url} could not be asked: ${explainTransport(error).reason}`, "target-unreachable", error);
  } finally {
    await client.destroy();
  }
}
