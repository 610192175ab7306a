import { type Client, destroy, openConnection } from "../sync/connection.js";
import { ConnectionLostError, RefusedError } from "../sync/errors.js";
import type { RedisAddress, RedisEndpoint } from "../sync/redis-address.js";
import { refusalOf } from "../sync/replies.js";
import { type Patience, STEP_MS } from "./patience.js";

/** What a server said to a command. */
export type Answer =
  | { readonly reply: unknown; readonly refusal?: undefined }
  /** Its first word, and all of it: that may quote what was sent, so it is looked at, and never shown. */
  | { readonly refusal: string; readonly text: string; readonly reply?: undefined };

/** A connection on which questions are asked, one after the other. */
export class Line {
  readonly #client: Client;
  readonly #patience: Patience;
  /** Whether the account may not name its connections. */
  readonly isUnnamed: boolean;
  #isLost = false;

  private constructor(client: Client, patience: Patience, isUnnamed: boolean) {
    this.#client = client;
    this.#patience = patience;
    this.isUnnamed = isUnnamed;
  }

  /** Logs in; selects no database. @throws ConnectionLostError @throws RefusedError @throws NotServedError */
  static async open(endpoint: RedisEndpoint, address: RedisAddress, patience: Patience): Promise<Line> {
    try {
      return await Line.#open(endpoint, address, patience);
    } catch (error) {
      // That it may not name itself hides nothing else it may not do.
      if (!(error instanceof RefusedError && error.reply === "NOPERM")) throw error;
      return Line.#open(endpoint, { ...address, isUnnamed: true }, patience);
    }
  }

  static async #open(endpoint: RedisEndpoint, address: RedisAddress, patience: Patience): Promise<Line> {
    const opening = openConnection(async () => endpoint, {
      address: { ...address, database: 0 },
      deadlineMs: patience.upTo(STEP_MS),
      clock: patience.clock,
      onLost: destroy,
    });
    try {
      // Loading the client takes time that says nothing of the server.
      return new Line(await patience.within(opening.promise, 2 * STEP_MS), patience, address.isUnnamed === true);
    } catch (error) {
      opening.abandon();
      throw error;
    }
  }

  /** Whether nothing more can be asked. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** @throws ConnectionLostError */
  async ask(...command: string[]): Promise<Answer> {
    if (this.#isLost) throw new ConnectionLostError("The connection was lost.");
    try {
      return { reply: await this.#patience.within(this.#client.sendCommand(command)) };
    } catch (error) {
      try {
        return { refusal: refusalOf(error).reply, text: (error as Error).message };
      } catch (lost) {
        // What comes now may be the answer to this one.
        this.close();
        throw lost;
      }
    }
  }

  close(): void {
    this.#isLost = true;
    destroy(this.#client);
  }
}

/** Whether the account may not do that. */
export function isForbidden(answer: Answer): boolean {
  return answer.refusal === "NOPERM";
}
