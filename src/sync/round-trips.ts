import { type BufferedWrite, WriteBuffer } from "./write-buffer.js";
import { BATCH_LIMITS } from "./writes.js";

/** As many keys as one round trip carries. */
export function* partsOf(redisKeys: Iterable<string>): Generator<readonly string[]> {
  let part: string[] = [];
  for (const redisKey of redisKeys) {
    part.push(redisKey);
    if (part.length < BATCH_LIMITS.maxKeys) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** As much as one round trip carries, and at least one. */
export function* batchesOf<Write extends BufferedWrite>(writes: readonly Write[]): Generator<Write[]> {
  const waiting = new WriteBuffer<Write>({ maxKeys: Infinity, maxBytes: Infinity });
  for (const write of writes) waiting.put(write);
  while (waiting.keys > 0) yield waiting.take(BATCH_LIMITS);
}
