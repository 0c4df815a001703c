import { validateHeaderName, validateHeaderValue } from "node:http";
import type { PreparedRequest } from "../contract.ts";

const bodied = new Set(["POST", "PUT", "PATCH"]);
const badInPath = /[^!-\u00ff]/;
const remembered = 64;

/**
 * Makes heads of requests to one origin. What a driver's requests share (method, path, one headers array) is put together once.
 * @param added headers of the pool, after the request's own
 */
export function headWriter(origin: URL, prefix: string, added: Readonly<Record<string, string>> = {}) {
  const more = Object.entries(added).flat();
  const heads = new Map<string, { headers: readonly string[]; text: string }>();
  /** @throws TypeError for what cannot be sent */
  const textOf = ({ method, path, headers }: PreparedRequest): string => {
    const key = `${method} ${path}`;
    const known = heads.get(key);
    if (known?.headers === headers) return known.text;
    if (badInPath.test(prefix + path)) throw new TypeError(`the path ${JSON.stringify(path)} cannot be sent`);
    const all = [...headers, ...more];
    const lines = [`${method} ${prefix}${path} HTTP/1.1`];
    let hasHost = false;
    for (let index = 0; index < all.length; index += 2) {
      const [name, value] = [all[index]!, all[index + 1]!];
      validateHeaderName(name);
      validateHeaderValue(name, value);
      if (name.toLowerCase() === "host") hasHost = true;
      lines.push(`${name}: ${value}`);
    }
    if (!hasHost) lines.splice(1, 0, `host: ${origin.host}`);
    lines.push("connection: keep-alive", "");
    const text = lines.join("\r\n");
    if (heads.size >= remembered) heads.clear();
    heads.set(key, { headers, text });
    return text;
  };
  return (request: PreparedRequest): string => {
    const { body, method } = request;
    const length = body || bodied.has(method) ? `content-length: ${body?.byteLength ?? 0}\r\n\r\n` : "\r\n";
    return textOf(request) + length;
  };
}
