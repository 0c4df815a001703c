import type { HttpOperationSpec } from "../../contract.ts";

const bodied = new Set(["POST", "PUT", "PATCH"]);

/** A request as it goes over the wire, head and body in one piece: made once, written as often as needed. */
export function requestBytes({ origin, request }: HttpOperationSpec): Buffer {
  const { method, path, headers, body } = request;
  const lines = [`${method} ${path} HTTP/1.1`];
  const has = (name: string) => headers.some((header, index) => index % 2 === 0 && header.toLowerCase() === name);
  if (!has("host")) lines.push(`host: ${new URL(origin).host}`);
  lines.push("connection: keep-alive");
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  if (body || bodied.has(method)) lines.push(`content-length: ${body?.byteLength ?? 0}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return body ? Buffer.concat([head, body]) : head;
}
