/** What a buffer needs to know of a write. */
export interface BufferedWrite {
  readonly redisKey: string;
  /** What it counts against the limit, in UTF-8 bytes. */
  readonly bytes: number;
}

export interface BufferLimits {
  maxKeys: number;
  maxBytes: number;
}

/**
 * The newest write of each key, least recently written first.
 * Never holds more than its limits: what has waited longest gives way.
 */
export class WriteBuffer<Write extends BufferedWrite> {
  readonly #writes = new Map<string, Write>();
  readonly #limits: BufferLimits;
  #bytes = 0;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  get keys(): number {
    return this.#writes.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(redisKey: string): Write | undefined {
    return this.#writes.get(redisKey);
  }

  all(): Write[] {
    return [...this.#writes.values()];
  }

  /** Replaces an earlier write of the key. The answer is what had to give way, the write itself if it alone is too large. */
  put(write: Write): Write[] {
    this.remove(write.redisKey);
    // It would push out everything else and still not fit.
    if (write.bytes > this.#limits.maxBytes) return [write];
    this.#add(write);
    return this.#shrink();
  }

  /** Takes out a batch of up to `limits`, and at least one write where there is one. */
  take(limits: BufferLimits): Write[] {
    const batch: Write[] = [];
    let bytes = 0;
    for (const write of this.#writes.values()) {
      bytes += write.bytes;
      if (batch.length > 0 && (bytes > limits.maxBytes || batch.length >= limits.maxKeys)) break;
      batch.push(write);
    }
    for (const write of batch) this.remove(write.redisKey);
    return batch;
  }

  /** Puts back a batch that did not arrive. What was written meanwhile is newer and wins. The answer is what gave way. */
  putBack(batch: readonly Write[]): Write[] {
    const newer = this.all();
    for (const { redisKey } of newer) this.remove(redisKey);
    for (const write of [...batch, ...newer]) {
      this.remove(write.redisKey);
      this.#add(write);
    }
    return this.#shrink();
  }

  remove(redisKey: string): void {
    const write = this.#writes.get(redisKey);
    if (write === undefined) return;
    this.#writes.delete(redisKey);
    this.#bytes -= write.bytes;
  }

  #add(write: Write): void {
    this.#writes.set(write.redisKey, write);
    this.#bytes += write.bytes;
  }

  #shrink(): Write[] {
    const evicted: Write[] = [];
    while (this.#writes.size > this.#limits.maxKeys || this.#bytes > this.#limits.maxBytes) {
      const oldest = this.#writes.values().next().value!;
      this.remove(oldest.redisKey);
      evicted.push(oldest);
    }
    return evicted;
  }
}
