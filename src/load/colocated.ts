import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";

/** Whether any of these URLs leads to this machine: loopback, or an address of one of its interfaces. Unresolvable: no. */
export async function isColocated(urls: readonly string[]): Promise<boolean> {
  const own = new Set(
    Object.values(networkInterfaces())
      .flat()
      .map((address) => address?.address),
  );
  const found = await Promise.all(
    urls.map(async (url) => {
      const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
      const addresses = await lookup(host, { all: true }).catch(() => []);
      return addresses.some(({ address }) => address === "::1" || address.startsWith("127.") || own.has(address));
    }),
  );
  return found.some(Boolean);
}
