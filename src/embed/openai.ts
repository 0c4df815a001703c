import type { EmbedderConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { HttpAnswer, NodePool, PreparedRequest } from "../http/contract.ts";
import { TransportError } from "../http/contract.ts";
import { createPool } from "../http/pool.ts";
import { refuseBlank } from "./blank.ts";
import type { Embedder } from "./contract.ts";
import type { EmbedderDeps } from "./index.ts";
import type { RequestLimiter } from "./limit/contract.ts";
import { retryDelayMs } from "./retry.ts";
import { parseVectors } from "./openai-answer.ts";

type OpenAiConfig = Extract<EmbedderConfig, { driver: "openai" }>;

const maxAttempts = 6;
/** Attempts that took all the time there is, or were answered with nonsense: more of the same is seldom worth the wait. */
const maxStubborn = 3;

/** What one attempt came to: vectors, or why not, and whether the same request may do better later. */
type Attempt = { vectors: Float32Array[] } | { problem: RagctlError; retry: boolean; retryAfter?: string; stubborn?: true };

/**
 * An OpenAI-compatible `/embeddings` endpoint (OpenAI, TEI, vLLM, Ollama, LiteLLM). Asking twice for an embedding does
 * no harm, so whatever may pass (429, 408, 5xx, no answer, an answer that makes no sense) is retried.
 * @param pool the connections; tests pass their own
 */
export function openaiEmbedder(
  config: OpenAiConfig,
  deps: Pick<EmbedderDeps, "clock" | "rng"> & { limiter?: RequestLimiter },
  pool = poolOf(config),
): Embedder {
  const where = `the embedder at ${config.url}`;
  const path = embeddingsPath(config.url);
  const headers = ["content-type", "application/json", ...(config.apiKey ? ["authorization", `Bearer ${config.apiKey}`] : [])];

  async function attempt(texts: readonly string[], signal: AbortSignal | undefined): Promise<Attempt> {
    const body = Buffer.from(JSON.stringify({ model: config.model, input: texts, encoding_format: "float" }));
    const request: PreparedRequest = { method: "POST", path, headers, body, kind: "read" };
    const leave = await deps.limiter?.enter(signal);
    let answer: HttpAnswer;
    try {
      answer = await pool.send(request, { timeoutMs: config.timeout, ...(signal ? { signal } : {}) });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      const problem = unreachable(`${where} could not be reached: ${error.message}`);
      return { problem, retry: true, ...(error.failure === "timeout" ? { stubborn: true } : {}) };
    } finally {
      leave?.done();
    }
    if (answer.status >= 200 && answer.status < 300) {
      const parsed = parseVectors(answer.body, { count: texts.length, dim: config.dim });
      if ("vectors" in parsed) return parsed;
      return { problem: badAnswer(`${where} ${parsed.problem}`, parsed.hint), retry: true, stubborn: true };
    }
    return failedAttempt(answer, where);
  }

  async function batch(texts: readonly string[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    let stubborn = 0;
    for (let tried = 1; ; tried++) {
      const outcome = await attempt(texts, signal);
      if ("vectors" in outcome) return outcome.vectors;
      if (outcome.stubborn) stubborn++;
      if (!outcome.retry || tried === maxAttempts || stubborn === maxStubborn) throw outcome.problem;
      const jitter = deps.rng?.() ?? 0;
      await deps.clock.sleep(retryDelayMs({ tried, retryAfter: outcome.retryAfter, nowMs: deps.clock.nowMs(), jitter }), signal);
    }
  }

  return {
    name: `openai:${config.model}`,
    dim: config.dim,
    async embed(texts, { signal } = {}) {
      refuseBlank(texts);
      const vectors: Float32Array[] = [];
      for (let from = 0; from < texts.length; from += config.batchSize) {
        signal?.throwIfAborted();
        vectors.push(...(await batch(texts.slice(from, from + config.batchSize), signal)));
      }
      return vectors;
    },
    async close() {
      await pool.close();
      await deps.limiter?.close();
    },
  };
}

function poolOf(config: OpenAiConfig): NodePool {
  return createPool({ origin: new URL(config.url).origin });
}

/** `http://h/v1` → `/v1/embeddings`; a URL that already ends so is taken as it is. */
export function embeddingsPath(url: string): string {
  const { pathname, search } = new URL(url);
  const base = pathname.replace(/\/+$/, "");
  return `${base.endsWith("/embeddings") ? base : `${base}/embeddings`}${search}`;
}

function failedAttempt(answer: HttpAnswer, where: string): Attempt {
  const said = `${where} answered ${answer.status}: ${messageOf(answer.body)}`;
  const { status } = answer;
  const header = answer.headers["retry-after"];
  const retryAfter = Array.isArray(header) ? header[0] : header;
  if (status === 429 || status === 408 || status >= 500)
    return { problem: unreachable(said), retry: true, ...(retryAfter ? { retryAfter } : {}) };
  if (status === 401 || status === 403 || status === 404 || status === 405)
    return {
      problem: new RagctlError(said, {
        code: "embedder-denied",
        exitCode: ExitCode.unreachable,
        hint: status === 401 || status === 403 ? "check embedder.apiKey of the config" : "check embedder.url and embedder.model",
      }),
      retry: false,
    };
  return { problem: new RagctlError(said, { code: "embedder-refused", exitCode: ExitCode.unreachable }), retry: false };
}

function unreachable(message: string): RagctlError {
  return new RagctlError(message, {
    code: "embedder-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "check that it runs and that embedder.url of the config is right",
  });
}

function badAnswer(message: string, hint: string | undefined): RagctlError {
  return new RagctlError(message, { code: "embedder-answer", exitCode: ExitCode.unreachable, ...(hint ? { hint } : {}) });
}

/** What an error body says, in OpenAI's, TEI's or any other shape, short enough for a sentence. */
function messageOf(body: Buffer): string {
  const text = body.toString("utf8");
  let said = text;
  try {
    const parsed = JSON.parse(text) as { error?: { message?: unknown } | string; message?: unknown };
    const inner = typeof parsed.error === "object" ? parsed.error.message : (parsed.error ?? parsed.message);
    if (typeof inner === "string") said = inner;
  } catch {
    // Not JSON: the text itself is what there is.
  }
  const short = said.replaceAll(/\s+/g, " ").trim();
  return short === "" ? "no reason given" : short.length > 200 ? `${short.slice(0, 200)}…` : short;
}
