import { Pool } from "undici";
import { explainTransport } from "../../http/failure.ts";
import { undiciOptions } from "../../http/pool.ts";
import type { Operation, RagOperationSpec, Ticket } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import type { OperationDeps } from "./deps.ts";
import { answerTimings, serverTimings } from "./stage-timings.ts";

/** Of an answer this much is kept, to look for stage timings. */
const keptBytes = 256 * 1024;

/**
 * One question to a RAG endpoint. The end is the last byte; beside it are measured, from the actual send: time to the first byte (the head of the answer), time to the first token (the
 * first of its body: of a streamed answer the first words), and the stages that the answer tells of.
 */
export function ragOperation(spec: RagOperationSpec, { nowUs, seed, maxInFlight }: OperationDeps): Operation {
  const url = new URL(spec.url);
  const pool = new Pool(url.origin, undiciOptions({ connections: maxInFlight }));
  const choose = chooser(spec.choice, spec.texts.length, seed);
  return {
    start: (ticket) => pool.dispatch(ragRequest(spec, spec.texts[choose(ticket.index)]!), new RagExchange(ticket, nowUs)),
    close: () => pool.destroy(),
  };
}

/** @returns what undici sends for one question */
export function ragRequest(spec: Pick<RagOperationSpec, "url" | "method" | "headers" | "field">, text: string) {
  const url = new URL(spec.url);
  if (spec.method === "GET") url.searchParams.set(spec.field, text);
  const headers = { accept: "application/json, text/event-stream", ...spec.headers };
  const common = { path: `${url.pathname}${url.search}`, method: spec.method };
  if (spec.method === "GET") return { ...common, headers, body: null };
  return { ...common, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify({ [spec.field]: text }) };
}

class RagExchange {
  readonly #ticket: Ticket;
  readonly #nowUs: () => number;
  #sentUs = 0;
  #status = 0;
  #timings = "";
  #json = false;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #done = false;
  #controller: { abort(reason: Error): void } | undefined;

  constructor(ticket: Ticket, nowUs: () => number) {
    this.#ticket = ticket;
    this.#nowUs = nowUs;
    ticket.canceller = this;
  }

  cancel(): void {
    this.#done = true;
    this.#controller?.abort(new Error("given up"));
  }

  onRequestStart(controller: { abort(reason: Error): void }): void {
    this.#controller = controller;
    if (this.#done) return controller.abort(new Error("given up"));
    this.#sentUs = this.#nowUs();
    this.#ticket.sentUs = this.#sentUs;
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.#status === 0) this.#ticket.measure("timeToFirstByte", this.#nowUs() - this.#sentUs);
    this.#status = status;
    this.#timings = [headers["server-timing"] ?? []].flat().join(",");
    this.#json = String(headers["content-type"] ?? "").includes("json");
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (this.#bytes === 0) this.#ticket.measure("timeToFirstToken", this.#nowUs() - this.#sentUs);
    this.#bytes += chunk.length;
    if (this.#json && this.#bytes <= keptBytes) this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    this.#done = true;
    const endUs = this.#nowUs();
    this.#ticket.settle(endUs, this.#status >= 200 && this.#status < 300 ? undefined : `status-${this.#status}`);
    for (const { name, us } of serverTimings(this.#timings)) this.#ticket.measure(`stage:${name}`, us);
    if (this.#timings === "" && this.#json)
      for (const { name, us } of this.#answerTimings()) this.#ticket.measure(`stage:${name}`, us);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#ticket.settle(this.#nowUs(), explainTransport(error).failure);
  }

  #answerTimings() {
    if (this.#bytes > keptBytes) return [];
    try {
      return answerTimings(JSON.parse(Buffer.concat(this.#chunks).toString("utf8")));
    } catch {
      return [];
    }
  }
}
