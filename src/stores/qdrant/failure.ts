import type { HttpAnswer } from "../../http/contract.ts";
import type { StoreFailure } from "../contract.ts";

/**
 * A read may be tried elsewhere or later after these: 408 timeout, 429 too many requests, and the server's own troubles. Not
 * 501 (the embedded node's word for what it does not implement) nor 507 (a quota stays full).
 */
const retryable = new Set([408, 429, 500, 502, 503, 504]);

/** Any answer that is not 2xx, in Qdrant's shape `{status: {error}}` or not. */
export function qdrantFailure(status: number, body: Buffer, headers?: HttpAnswer["headers"]): StoreFailure {
  const retryAfterMs = retryAfter(headers?.["retry-after"]);
  const message = qdrantMessage(body) ?? `HTTP ${status}`;
  return {
    kind: retryable.has(status) ? "retryable" : "fatal",
    status,
    message,
    ...(saysFull(status, message) && { full: true }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...((status === 429 || (status === 503 && inQdrantsShape(body))) && { notDone: true }),
  };
}

/** 507 is the answer of a quota; a full disk is a 500 in the words of the operating system. */
export function saysFull(status: number, message: string): boolean {
  return status === 507 || (status >= 500 && /no space left|disk quota exceeded/i.test(message));
}

/** A 503 of Qdrant refuses before it begins; one of a proxy may stand for a connection that it lost in the middle. */
function inQdrantsShape(body: Buffer): boolean {
  try {
    return errorOf(JSON.parse(body.toString())) !== undefined;
  } catch {
    return false;
  }
}

function qdrantMessage(body: Buffer): string | undefined {
  try {
    return errorOf(JSON.parse(body.toString()));
  } catch {
    // A proxy's page, or the plain text of a wrong api key.
    const text = body.toString("utf8", 0, 200).trim();
    return text === "" || text.startsWith("<") ? undefined : text;
  }
}

/** The sentence in a parsed error answer, if it has Qdrant's shape. */
export function errorOf(document: unknown): string | undefined {
  const status = (document as { status?: { error?: unknown } | null } | null)?.status;
  return typeof status?.error === "string" ? status.error : undefined;
}

/** Qdrant says seconds; the date form of the header is not used by it. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
