import { Client, type Dispatcher } from "undici";
import { ExitCode, RagctlError } from "../../errors.ts";
import { explainTransport } from "../../http/failure.ts";
import { undiciOptions } from "../../http/pool.ts";
import type { HttpOperationSpec } from "../contract.ts";

/**
 * One request ahead of the run. A target that cannot be reached, or that refuses this very request (4xx), ends the command with a
 * sentence instead of a run full of errors. A server error is measured, not refused.
 * @throws RagctlError exit 3
 */
export async function httpPreflight(spec: HttpOperationSpec, { timeoutMs }: { timeoutMs: number }): Promise<void> {
  const url = `${spec.origin}${spec.request.path.replace(/\?.*/, "")}`;
  const { connections: _, ...options } = undiciOptions({});
  const client = new Client(spec.origin, options);
  try {
    const status = await statusOf(client, spec, timeoutMs);
    if (status >= 400 && status < 500 && status !== 408 && status !== 429)
      throw new RagctlError(`${url} refused the request with status ${status}; nothing was measured`, {
        code: "target-refused",
        exitCode: ExitCode.unreachable,
        hint: "Check the path, --method, --header and --body.",
      });
  } catch (error) {
    if (error instanceof RagctlError) throw error;
    const { reason, hint } = explainTransport(error);
    throw new RagctlError(`${url} could not be reached: ${reason}`, {
      code: "target-unreachable",
      exitCode: ExitCode.unreachable,
      hint: hint ?? "Nothing was measured.",
      cause: error,
    });
  } finally {
    await client.destroy();
  }
}

function statusOf(client: Client, spec: HttpOperationSpec, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    client.dispatch(dispatchOptions(spec), {
      onRequestStart() {},
      onResponseStart(_controller, received) {
        status = received;
      },
      onResponseData() {},
      onResponseEnd() {
        clearTimeout(timer);
        resolve(status);
      },
      onResponseError(_controller, error) {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}

/** The request as undici takes it. */
function dispatchOptions({ request }: HttpOperationSpec): Dispatcher.DispatchOptions {
  const { path, method, headers, body } = request;
  return { path, method, headers, body: body ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null };
}
