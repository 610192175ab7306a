import { expect } from "chai";
import { RedisServer } from "../../support/redis-server.js";
import { until } from "../../support/until.js";
import { BrowserProfile } from "./browser.js";
import { CodeServer, installExtensions } from "./code-server.js";
import { prepared } from "./environment.js";
import type { Workbench } from "./workbench.js";

/** What is run in the page: the browser's copy of the extension's `globalState`. */
const READ_GLOBAL_STATE = `new Promise((resolve, reject) => {
  const opening = indexedDB.open("vscode-web-state-db-global");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const reading = opening.result.transaction("ItemTable").objectStore("ItemTable").get("redis-mirrored.redis-mirrored");
    reading.onsuccess = () => resolve(reading.result);
    reading.onerror = () => reject(reading.error);
    opening.result.close();
  };
})`;

let extensions: string | undefined;

/** Somebody at work: a Redis, VS Code with the extension as it is shipped and the host that the tests play, and a browser. */
export class Session {
  readonly redis: RedisServer;
  readonly code: CodeServer;
  readonly browser: BrowserProfile;

  private constructor(redis: RedisServer, code: CodeServer, browser: BrowserProfile) {
    this.redis = redis;
    this.code = code;
    this.browser = browser;
  }

  /**
   * @param settings The user's, beside where the Redis is.
   * @param redis One that runs already.
   * @param language In which the extension speaks.
   */
  static async open(settings: Record<string, unknown> = {}, redis?: RedisServer, language?: string): Promise<Session> {
    extensions ??= installExtensions(prepared("vsix"), prepared("driverVsix"));
    const server = redis ?? (await RedisServer.start());
    const address = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "alice" };
    const code = await CodeServer.start(extensions, settings, address, language);
    const browser = await BrowserProfile.open();
    await browser.workbench.open(code.url);
    return new Session(server, code, browser);
  }

  get workbench(): Workbench {
    return this.browser.workbench;
  }

  async saveTask(id: string, task: string): Promise<void> {
    await this.#save("Task", `${id} ${task}`, `Saved the task ${id}`);
  }

  async saveProfile(name: string, apiKey: string): Promise<void> {
    await this.#save("Profile", `${name} ${apiKey}`, `Saved the profile ${name}`);
  }

  async saveInstructions(text: string): Promise<void> {
    await this.#save("Instructions", text, "Saved the instructions");
  }

  /** What lies in the local store, in words: `Tasks: a b. Profiles: none. Instructions: none.` */
  async showLocal(): Promise<string> {
    await this.workbench.runCommand("E2E: Show What Is Saved");
    const said = await (await this.workbench.notification(/^Tasks: /)).innerText();
    await this.workbench.clearNotifications();
    return said.trim();
  }

  /** By the clipboard, as a person takes it to another machine. */
  async copyKey(): Promise<string> {
    await this.workbench.runCommand("Redis Mirror: Copy Mirror Key");
    await this.workbench.answer("Copy");
    await this.workbench.notification("in the clipboard");
    await this.workbench.clearNotifications();
    return this.workbench.page.evaluate<string>("navigator.clipboard.readText()");
  }

  /** The extension has reported no error, and VS Code has asked nothing of anybody outside. */
  expectQuiet(): void {
    expect(this.browser.errors.filter((text) => text.includes("redis-mirrored"))).to.deep.equal([]);
    expect(this.browser.outsideRequests).to.deep.equal([]);
  }

  /** `globalState` lies in the browser, which writes it a moment later: before that a reload would lose it. */
  async untilKept(text: string): Promise<void> {
    await until(`the browser has kept ${text}`, async () => {
      const kept: unknown = await this.workbench.page.evaluate(READ_GLOBAL_STATE);
      return typeof kept === "string" && kept.includes(text);
    });
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.code.stop();
    await this.redis.kill();
  }

  async #save(what: string, typed: string, answer: string): Promise<void> {
    await this.workbench.runCommand(`E2E: Save ${what}`);
    await this.workbench.type(typed);
    await this.workbench.notification(answer);
    await this.workbench.clearNotifications();
  }
}
