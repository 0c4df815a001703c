import type { Problem } from "../../errors.ts";
import { usageError } from "../../errors.ts";
import type { HttpOperationSpec } from "../contract.ts";
import type { LoadTarget } from "../result.ts";

const methods = ["GET", "POST", "PUT", "DELETE", "PATCH"] as const;

/** How a request is framed, and the connection kept, is not for the user to say. */
const framing = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A target as an operation to run and as a report names it. */
export interface ChosenTarget<O> {
  operation: O;
  target: LoadTarget;
  urls: string[];
}

/**
 * A raw HTTP target from flags. Credentials in the URL become a header and stay out of reports.
 * @param headers each `Name: value`
 * @param body read from a file; then a JSON body is announced as one unless a header says otherwise
 * @throws RagctlError exit 2 with every problem
 */
export function httpTarget(input: {
  url: string;
  method: string | undefined;
  headers: readonly string[];
  body: { bytes: Buffer; file: string } | undefined;
}): ChosenTarget<HttpOperationSpec> {
  const problems: Problem[] = [];
  const url = URL.canParse(input.url) ? new URL(input.url) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol))
    problems.push({ path: "--url", message: `expected an http:// or https:// URL, got "${input.url}"` });
  const wanted = (input.method ?? (input.body ? "POST" : "GET")).toUpperCase();
  const method = methods.find((known) => known === wanted);
  if (!method) problems.push({ path: "--method", message: `expected one of ${methods.join(", ")}, got "${input.method}"` });
  const headers: string[] = [];
  for (const text of input.headers) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([^\r\n]*)$/.exec(text);
    const name = match?.[1]!.toLowerCase() ?? "";
    if (framing.has(name)) problems.push({ path: "--header", message: `${name} is set by ragctl: it frames the request` });
    else if (match) headers.push(name, match[2]!.trim());
    else problems.push({ path: "--header", message: `expected "Name: value", got "${text.split(":")[0]}"` });
  }
  if (!url || !method || problems.length > 0) throw usageError(problems);
  const has = (name: string) => headers.some((header, index) => index % 2 === 0 && header === name);
  if (url.username && !has("authorization")) {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.push("authorization", `Basic ${Buffer.from(credentials).toString("base64")}`);
  }
  if (input.body && !has("content-type"))
    headers.push("content-type", /^\s*[[{]/.test(input.body.bytes.toString("latin1", 0, 64)) ? "application/json" : "text/plain");
  return {
    operation: {
      kind: "http",
      origin: url.origin,
      request: { method, path: `${url.pathname}${url.search}`, headers, ...(input.body && { body: input.body.bytes }) },
    },
    target: { kind: "http", url: `${url.origin}${url.pathname}`, method, bodyBytes: input.body?.bytes.length ?? 0 },
    urls: [url.origin],
  };
}
