import { flag } from "../flags.ts";

export const queueFlag = flag.string({
  description: "the Redis of the work queue (default: the config's `queue`); not the cache's",
  placeholder: "redis://…",
});
