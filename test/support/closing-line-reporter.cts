import Mocha = require("mocha");

/** The `spec` report, and as its last line what a machine reads: `N passed, N failed`. */
class ClosingLineReporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue();
    const { passes = 0, failures = 0 } = this.stats ?? {};
    console.log(`${passes} passed, ${failures} failed`);
  }
}

export = ClosingLineReporter;
