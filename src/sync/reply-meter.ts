/** As much as the mirror takes in of one reply: the largest value, and what is around it. */
const MAX_REPLY_BYTES = 33 * 2 ** 20;

/** How many elements one reply may announce, those of arrays within it included: the client makes room for them at once. */
const MAX_ELEMENTS = 1_000_000;

/** How deep its arrays may lie in one another; those of `CLUSTER SLOTS` are three levels. */
const MAX_DEPTH = 8;

const [ARRAY, BULK, RETURN, LINE_FEED] = [0x2a, 0x24, 0x0d, 0x0a];
/** Simple strings, errors and numbers. */
const LINES: ReadonlySet<number> = new Set([0x2b, 0x2d, 0x3a]);

/** A size as the protocol has it. The client takes other characters for digits too, and then reads something else than is read here. */
const SIZE = /^(?:\d{1,10}|-1)$/;
const MAX_SIZE_LENGTH = 10;

/**
 * Follows what a server sends, and says where it is more than anybody has asked for. The client reads whatever comes, makes
 * an array as long as twelve bytes announce, and gathers a reply until it has all of it: a server that wants to can fill its
 * memory with that, or a value that grew since it was measured.
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2)
 */
export class ReplyMeter {
  /** How many bytes of replies are being waited for, beside those that may always come. */
  #expectedBytes = 0;
  #expectations = 0;
  /** Since somebody last had what he waited for, or, while nobody waits, since the last reply. */
  #receivedBytes = 0;
  /** How many elements each of the arrays lacks that are open, innermost last. */
  readonly #open: number[] = [];
  #elements = 0;
  #isExceeded = false;
  /** Of the line that is being read; 0: a new one begins. */
  #type = 0;
  /** What that line says, where it is a size. */
  #size = "";
  #isAtLineFeed = false;
  /** Of a bulk string that is being read, its line end included. */
  #bytesLeft = 0;

  /** From here on more may come. The answer takes that back, when it has. */
  expect(bytes: number): () => void {
    this.#expectedBytes += bytes;
    this.#expectations++;
    return () => {
      this.#expectedBytes -= bytes;
      this.#expectations--;
      // Whatever others still wait for: where reads overlap there may never be a moment without one.
      this.#receivedBytes = 0;
    };
  }

  /** Whether more has come than may. */
  get isExceeded(): boolean {
    return this.#isExceeded;
  }

  /** Whether what has come may be read. Once it may not, nothing may that comes after it. */
  passes(chunk: Uint8Array): boolean {
    this.#isExceeded ||= !this.#follows(chunk);
    return !this.#isExceeded;
  }

  #follows(chunk: Uint8Array): boolean {
    this.#receivedBytes += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      if (this.#bytesLeft > 0) {
        const bytes = Math.min(this.#bytesLeft, chunk.length - at);
        at += bytes;
        this.#bytesLeft -= bytes;
        if (this.#bytesLeft === 0) this.#endElement();
      } else if (this.#type === 0) {
        this.#type = chunk[at++]!;
        if (this.#type !== ARRAY && this.#type !== BULK && !LINES.has(this.#type)) return false;
      } else if (this.#isAtLineFeed) {
        if (chunk[at++] !== LINE_FEED || !this.#endLine()) return false;
      } else {
        const end = chunk.indexOf(RETURN, at);
        const until = end === -1 ? chunk.length : end;
        if (!LINES.has(this.#type) && !this.#readSize(chunk.subarray(at, until))) return false;
        at = until + 1;
        this.#isAtLineFeed = end !== -1;
      }
    }
    return this.#receivedBytes <= MAX_REPLY_BYTES + this.#expectedBytes;
  }

  #readSize(part: Uint8Array): boolean {
    if (this.#size.length + part.length > MAX_SIZE_LENGTH) return false;
    this.#size += String.fromCharCode(...part);
    return true;
  }

  #endLine(): boolean {
    const [type, text] = [this.#type, this.#size];
    this.#type = 0;
    this.#size = "";
    this.#isAtLineFeed = false;
    if (LINES.has(type)) {
      this.#endElement();
      return true;
    }
    if (!SIZE.test(text)) return false;
    const size = Number(text);
    if (type === BULK && size >= 0) {
      this.#bytesLeft = size + "\r\n".length;
      return size <= MAX_REPLY_BYTES + this.#expectedBytes;
    }
    if (type === ARRAY && size > 0) {
      this.#open.push(size);
      this.#elements += size;
      return this.#open.length <= MAX_DEPTH && this.#elements <= MAX_ELEMENTS;
    }
    this.#endElement();
    return true;
  }

  #endElement(): void {
    while (this.#open.length > 0) {
      const lacking = this.#open.pop()! - 1;
      if (lacking > 0) return void this.#open.push(lacking);
    }
    this.#elements = 0;
    if (this.#expectations === 0) this.#receivedBytes = 0;
  }
}
