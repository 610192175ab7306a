/** What a buffer needs to know of a write. */
export interface BufferedWrite {
  readonly redisKey: string;
  /** What it counts against the limit, in UTF-8 bytes. */
  readonly bytes: number;
}

/** How much may wait for Redis. Beyond it what has waited longest gives way: event `dropped`. */
export interface BufferLimits {
  /** How many records, each with its newest save. Default 10,000. */
  maxKeys: number;
  /** How much they may be together, in UTF-8 bytes. Default 16 MiB. */
  maxBytes: number;
}

/**
 * The newest write of each key, least recently written first.
 * Never holds more than its limits: what has waited longest gives way.
 */
export class WriteBuffer<Write extends BufferedWrite> {
  /** A batch that came back: older than all others. Apart, so that to put it in front costs nothing of what is behind. */
  #returned = new Map<string, Write>();
  readonly #writes = new Map<string, Write>();
  readonly #limits: BufferLimits;
  readonly #combine: (older: Write, newer: Write) => Write;
  #bytes = 0;

  /** @param combine What becomes of two writes of one key. Default: the newer one. */
  constructor(limits: BufferLimits, combine: (older: Write, newer: Write) => Write = (_older, newer) => newer) {
    this.#limits = limits;
    this.#combine = combine;
  }

  get keys(): number {
    return this.#returned.size + this.#writes.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(redisKey: string): Write | undefined {
    return this.#writes.get(redisKey) ?? this.#returned.get(redisKey);
  }

  all(): Write[] {
    return [...this];
  }

  /** Least recently written first. */
  *[Symbol.iterator](): Generator<Write> {
    yield* this.#returned.values();
    yield* this.#writes.values();
  }

  /** Replaces an earlier write of the key. The answer is what had to give way, the write itself if it alone is too large. */
  put(write: Write): Write[] {
    const older = this.get(write.redisKey);
    if (older !== undefined) {
      this.remove(write.redisKey);
      write = this.#combine(older, write);
    }
    // It would push out everything else and still not fit.
    if (write.bytes > this.#limits.maxBytes) return [write];
    this.#add(this.#writes, write);
    return this.#shrink();
  }

  /** Takes out a batch of up to `limits`, and at least one write where there is one. */
  take(limits: BufferLimits): Write[] {
    const batch: Write[] = [];
    let bytes = 0;
    for (const write of this) {
      bytes += write.bytes;
      if (batch.length > 0 && (bytes > limits.maxBytes || batch.length >= limits.maxKeys)) break;
      batch.push(write);
    }
    for (const write of batch) this.remove(write.redisKey);
    return batch;
  }

  /** Puts back a batch that did not arrive. What was written meanwhile is newer and wins. The answer is what gave way. */
  putBack(batch: readonly Write[]): Write[] {
    const returnedBefore = this.#returned;
    this.#returned = new Map();
    for (const write of batch) {
      // A batch may hold two of one collection.
      const isCombined = [this.#writes, returnedBefore, this.#returned].some((writes) =>
        this.#combineInto(writes, write),
      );
      if (!isCombined) this.#add(this.#returned, write);
    }
    for (const [redisKey, write] of returnedBefore) this.#returned.set(redisKey, write);
    return this.#shrink();
  }

  /** Puts back what was refused, behind what else waits. What was written meanwhile is newer and stays. The answer is what gave way. */
  addBehind(batch: readonly Write[]): Write[] {
    for (const write of batch) {
      if (!this.#combineInto(this.#writes, write) && !this.#combineInto(this.#returned, write))
        this.#add(this.#writes, write);
    }
    return this.#shrink();
  }

  remove(redisKey: string): void {
    const write = this.get(redisKey);
    if (write === undefined) return;
    this.#writes.delete(redisKey);
    this.#returned.delete(redisKey);
    this.#bytes -= write.bytes;
  }

  #add(writes: Map<string, Write>, write: Write): void {
    writes.set(write.redisKey, write);
    this.#bytes += write.bytes;
  }

  /** Puts a write behind the newer one of its key, where there is one, without moving that. */
  #combineInto(writes: Map<string, Write>, older: Write): boolean {
    const newer = writes.get(older.redisKey);
    if (newer === undefined) return false;
    const combined = this.#combine(older, newer);
    writes.set(older.redisKey, combined);
    this.#bytes += combined.bytes - newer.bytes;
    return true;
  }

  #shrink(): Write[] {
    const evicted: Write[] = [];
    while (this.keys > this.#limits.maxKeys || this.#bytes > this.#limits.maxBytes) {
      const [oldest] = this.#returned.size > 0 ? this.#returned.values() : this.#writes.values();
      this.remove(oldest!.redisKey);
      evicted.push(oldest!);
    }
    return evicted;
  }
}
