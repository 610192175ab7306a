import type MochaModule from "mocha";

const Mocha: typeof MochaModule = require("mocha");

/** The `spec` report, and as its last line what a machine reads: `N passed, N failed`. */
class ClosingLineReporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue();
    console.log(`${this.stats?.passes} passed, ${this.stats?.failures} failed`);
  }
}

module.exports = ClosingLineReporter;
