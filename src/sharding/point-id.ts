import { v5 } from "uuid";

/** Itself the UUIDv5 of `ragctl:point-key` under the DNS namespace; never changes, since ids are derived from it. */
const keyNamespace = "2fb8f416-6448-53b2-a26d-be3949aab004";

const canonicalInteger = /^(?:0|[1-9]\d{0,15})$/;
// Lower case alone: stores fold the case of UUIDs, and two keys must never share an id.
const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The number that a key is, where it is an unsigned integer below 2^53 in decimal without leading zeros. */
export function integerKey(key: string): number | undefined {
  if (!canonicalInteger.test(key)) return undefined;
  const value = Number(key);
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

/** The point's id: the key itself where it is an unsigned integer or a UUID, else UUIDv5 of its UTF-8 bytes. */
export function pointIdOf(key: string): number | string {
  return integerKey(key) ?? (canonicalUuid.test(key) ? key : v5(key, keyNamespace));
}
