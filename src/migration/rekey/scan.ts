import type { PreparedRequest } from "../../http/contract.ts";
import type { DataFace, PointId, ShardKey } from "../../stores/contract.ts";
import { versionIn, type Seen } from "../compare.ts";

const pageSize = 1_000;

/** Ids, versions and these fields of all points, or of those under some keys, in ascending order of id. */
export async function* scanStore(
  data: DataFace,
  { fields, shardKeys, signal }: { fields: string[]; shardKeys?: readonly ShardKey[]; signal: AbortSignal },
  read: <T>(request: PreparedRequest, parse: (body: Buffer) => T) => Promise<T>,
): AsyncGenerator<Seen[]> {
  let offset: PointId | undefined;
  do {
    signal.throwIfAborted();
    const request = data.prepareScroll({
      limit: pageSize,
      withPayload: fields,
      ...(shardKeys && { shardKeys }),
      ...(offset === undefined ? {} : { offset }),
    });
    const page = await read(request, (body) => data.parseScroll(body));
    offset = page.next;
    if (page.points.length > 0) yield page.points.map(({ id, payload = {} }) => ({ id, version: versionIn(payload), payload }));
  } while (offset !== undefined);
}
