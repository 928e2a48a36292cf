/** `npm start`: installs what is missing, then runs the local stack. Runs on Node 20 without node_modules. */
import { ensureInstalled } from "./install.mjs";

const startedAt = Date.now();
await ensureInstalled();
const { launch } = await import("../packages/cli/bin/launch.mjs");
await launch(["dev", ...process.argv.slice(2)], startedAt);
