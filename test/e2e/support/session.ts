import { RedisServer } from "../../support/redis-server.js";
import { BrowserProfile } from "./browser.js";
import { CodeServer, installExtensions } from "./code-server.js";
import { prepared } from "./environment.js";
import type { Workbench } from "./workbench.js";

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

  /** @param settings The user's, beside where the Redis is. @param redis One that runs already. */
  static async open(settings: Record<string, unknown> = {}, redis?: RedisServer): Promise<Session> {
    extensions ??= installExtensions(prepared("vsix"), prepared("driverVsix"));
    const server = redis ?? (await RedisServer.start());
    const address = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), ROO_USER_ID: "alice" };
    const code = await CodeServer.start(extensions, settings, address);
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
    const said = await this.workbench.notification(/^Tasks: /).innerText();
    await this.workbench.clearNotifications();
    return said.trim();
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.code.stop();
    await this.redis.kill();
  }

  async #save(what: string, typed: string, answer: string): Promise<void> {
    await this.workbench.runCommand(`E2E: Save ${what}`);
    await this.workbench.type(typed);
    await this.workbench.notification(answer).waitFor();
    await this.workbench.clearNotifications();
  }
}
