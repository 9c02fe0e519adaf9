// Runs cases of cases.mjs: reads their names from stdin, a line each, and answers each with one line of JSON: what
// went wrong, or null.
import { createInterface } from "node:readline";
import * as cases from "./cases.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  let wrong = null;
  try {
    await cases[line.trim()]();
  } catch (error) {
    wrong = String(error?.stack ?? error);
  }
  process.stdout.write(JSON.stringify({ wrong }) + "\n");
}
process.exit(0);
