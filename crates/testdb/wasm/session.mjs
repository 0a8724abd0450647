// The server's one session, lent to one connection after the other.
//
// A connection has it from the first message of a transaction to the end of it; others wait, and get an error
// where that lasts. What belongs to a connection comes and goes with it: its settings, its role, and (by
// `client.mjs`) the names of its prepared statements. What cannot be kept apart is not: advisory locks and
// temporary tables are everybody's. Nothing runs at the same time as anything else.

import { packet, packets } from "./packet.mjs";

const PATIENCE_MS = 20_000;

// Settings that this build of the server cannot have.
const IMPOSSIBLE = new Set(["client_connection_check_interval"]);
// PGlite starts with others than a server does.
const USUAL = [
  ["client_min_messages", "notice"],
  ["enable_seqscan", "on"],
  ["search_path", '"$user", public'],
];

const SETTINGS = `
  SELECT name, setting FROM pg_settings WHERE source = 'session'
  UNION ALL SELECT 'role', current_setting('role') WHERE current_setting('role') <> 'none'`;
const OF_THE_DATABASE = `
  SELECT split_part(one, '=', 1) AS name, substr(one, strpos(one, '=') + 1) AS setting
  FROM pg_db_role_setting, unnest(setconfig) AS one
  WHERE setrole = 0 AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())`;

const literal = (text) => `'${text.replaceAll("'", "''")}'`;
const identifier = (text) => `"${text.replaceAll('"', '""')}"`;

export class Session {
  #db;
  #abort;
  #waiting = [];
  #busy = false;
  // Whose settings the session has.
  #owner = null;
  // Who has an open transaction.
  #holder = null;

  constructor(db, abort) {
    this.#db = db;
    this.#abort = abort;
  }

  // Begins with what a connection asks for when it starts.
  start(client, user, settings) {
    return this.#enqueue(client, async () => {
      await this.#leave();
      const own = (await this.#rows(OF_THE_DATABASE)).map(({ name, setting }) => [name, setting]);
      const asked = settings.filter(([name]) => !IMPOSSIBLE.has(name));
      client.user = user;
      client.settings = [...USUAL, ...own, ...asked];
      await this.#enter(client);
    });
  }

  // Runs messages as they are; the server's answer. `half` says that more belongs to them. One after the other: the
  // server reads 8 KiB at a time, and does not see a message that begins at such a boundary.
  run(client, messages, half) {
    return this.#enqueue(client, async () => {
      await this.#enter(client);
      const answers = [];
      for (const message of messages) {
        client.changed ||= mayChangeSettings(message);
        answers.push(await this.#raw(message));
      }
      const answer = Buffer.concat(answers);
      this.#holder = half || transactionIsOpen(answer) ? client : null;
      return answer;
    }, PATIENCE_MS);
  }

  // Undoes and forgets what a connection that has gone left behind.
  end(client, closing) {
    return this.#enqueue(client, async () => {
      if (this.#holder === client) await this.#db.exec("ROLLBACK");
      this.#holder = null;
      for (const message of closing) await this.#raw(message);
      await this.#db.exec("SELECT pg_advisory_unlock_all()");
      await this.#leave();
    });
  }

  async #raw(message) {
    return Buffer.from(await this.#db.execProtocolRaw(message, { syncToFs: false }));
  }

  #enqueue(client, work, patience) {
    return new Promise((resolve, reject) => {
      const entry = { client, work, resolve, reject };
      if (patience) {
        entry.timer = setTimeout(() => {
          this.#waiting = this.#waiting.filter((other) => other !== entry);
          reject(new Error(`another connection has had a transaction open for ${patience / 1000} s, and there is one session`));
        }, patience);
      }
      this.#waiting.push(entry);
      this.#pump();
    });
  }

  async #pump() {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      const mine = ({ client }) => this.#holder === null || this.#holder === client;
      const at = this.#waiting.findIndex(mine);
      if (at < 0) break;
      const [entry] = this.#waiting.splice(at, 1);
      clearTimeout(entry.timer);
      try {
        entry.resolve(await entry.work());
      } catch (error) {
        if (error instanceof WebAssembly.RuntimeError || error?.name === "ExitStatus") this.#abort(error);
        entry.reject(error);
      }
    }
    this.#busy = false;
  }

  async #leave() {
    const owner = this.#owner;
    this.#owner = null;
    if (!owner?.changed || owner.gone) return;
    owner.settings = (await this.#rows(SETTINGS)).map(({ name, setting }) => [name, setting]);
    owner.changed = false;
  }

  async #enter(client) {
    if (this.#owner === client) return;
    await this.#leave();
    // Named, since RESET knows nobody to go back to here.
    const statements = ["SET SESSION AUTHORIZATION postgres", "RESET ALL"];
    if (client.user !== "postgres") statements.push(`SET SESSION AUTHORIZATION ${identifier(client.user)}`);
    // The role last: it may not set everything.
    const settings = [...client.settings].sort(([a], [b]) => Number(a === "role") - Number(b === "role"));
    const calls = settings.map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, false)`);
    if (calls.length) statements.push(`SELECT ${calls.join(", ")}`);
    const answer = await this.#raw(packet("Q", `${statements.join("; ")}\0`));
    const refused = errorOf(answer);
    if (refused) throw refused;
    this.#owner = client;
  }

  async #rows(statement) {
    const results = await this.#db.exec(statement);
    return results[0].rows;
  }
}

// To ask the server which settings are changed takes longer than most statements.
function mayChangeSettings(message) {
  return (message[0] === 0x51 || message[0] === 0x50) && /\b(set|reset|set_config)\b/i.test(message.toString("latin1"));
}

function errorOf(answer) {
  for (const [type, body] of packets(answer)) {
    if (type !== "E") continue;
    const fields = Object.fromEntries(body.toString().split("\0").map((field) => [field[0], field.slice(1)]));
    return Object.assign(new Error(fields.M), { code: fields.C });
  }
  return null;
}

// By the last ReadyForQuery.
function transactionIsOpen(answer) {
  let open = false;
  for (const [type, body] of packets(answer)) {
    if (type === "Z") open = body[0] !== 0x49;
  }
  return open;
}
