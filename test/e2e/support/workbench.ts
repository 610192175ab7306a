import type { Locator, Page } from "playwright-core";

/** VS Code, as a person sees it. Everything waits for what it needs to see. */
export class Workbench {
  readonly page: Page;
  readonly #quickInput: Locator;

  constructor(page: Page) {
    this.page = page;
    this.#quickInput = page.locator(".quick-input-widget");
  }

  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  /** The item of an extension. */
  statusBarItem(id: string): Locator {
    return this.page.locator(`[id="redis-mirrored.redis-mirrored.${id}"]`);
  }

  /** From the palette, by its whole title: "Redis Mirror: Sync Now". */
  async runCommand(title: string): Promise<void> {
    await this.page.keyboard.press("F1");
    await this.#quickInput.locator("input.input").fill(`>${title}`);
    // Extensions may contribute it while this waits.
    await this.pick(title);
  }

  /** Of a list that is open, the first entry that begins so. */
  async pick(label: string): Promise<void> {
    const entry = this.#quickInput.locator(`.monaco-list-row[aria-label^="${label}"]`).first();
    await entry.click();
  }

  /** The entries of the list that is open, each as it is read aloud. */
  async quickPick(): Promise<string[]> {
    const rows = this.#quickInput.locator(".monaco-list-row");
    await rows.first().waitFor();
    return rows.evaluateAll((elements) => elements.map((element) => element.getAttribute("aria-label") ?? ""));
  }

  /** Into the box that is open, and on. */
  async type(text: string): Promise<void> {
    await this.#quickInput.locator("input.input").fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** The notification that contains a text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast").filter({ hasText: text });
  }

  /** All that are shown. */
  async clearNotifications(): Promise<void> {
    const toasts = this.page.locator(".notification-toast");
    // Their buttons are visible only under the pointer.
    for (const button of await toasts.locator(".codicon-notifications-clear").all())
      await button.dispatchEvent("click");
    await toasts.first().waitFor({ state: "detached" });
  }

  /** The question that nothing can be done beside. */
  get dialog(): Locator {
    return this.page.locator(".monaco-dialog-box");
  }

  async answer(button: string): Promise<void> {
    await this.dialog.getByRole("button", { name: button, exact: true }).click();
  }
}
