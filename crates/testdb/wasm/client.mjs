// One connection: PostgreSQL's protocol from the client's side, as far as the one session behind it allows.

import { packet } from "./packet.mjs";

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;

// What a server says of itself at the start of a connection.
const STATUS = {
  server_version: "17.5",
  server_encoding: "UTF8",
  client_encoding: "UTF8",
  DateStyle: "ISO, MDY",
  TimeZone: "UTC",
  integer_datetimes: "on",
  standard_conforming_strings: "on",
};

// The one there is.
const DATABASE = "template1";

let connections = 0;

export class Client {
  gone = false;
  user = "postgres";
  settings = [];
  // Whether they may be others than these by now.
  changed = false;

  #socket;
  #session;
  #input = Buffer.alloc(0);
  #started = false;
  // Messages up to the next one that the server answers to.
  #batch = [];
  #statements = new Set();
  // Their names are this connection's own.
  #prefix = `c${++connections}_`;
  #work = Promise.resolve();

  constructor(socket, session) {
    this.#socket = socket;
    this.#session = session;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#close());
    socket.on("data", (data) => {
      this.#input = Buffer.concat([this.#input, data]);
      this.#take();
    });
  }

  #take() {
    while (!this.gone) {
      const head = this.#started ? 1 : 0;
      if (this.#input.length < head + 4) return;
      const end = head + this.#input.readInt32BE(head);
      if (this.#input.length < end) return;
      const message = this.#input.subarray(0, end);
      this.#input = this.#input.subarray(end);
      if (this.#started) this.#message(message);
      else this.#startup(message);
    }
  }

  #startup(message) {
    const code = message.readInt32BE(4);
    if (code === SSL_REQUEST || code === GSS_REQUEST) {
      this.#socket.write("N");
      return;
    }
    if (code === CANCEL_REQUEST) {
      this.#socket.end();
      return;
    }
    this.#started = true;
    const words = message.subarray(8).toString().split("\0");
    const parameters = new Map();
    for (let at = 0; words[at]; at += 2) parameters.set(words[at], words[at + 1]);
    const database = parameters.get("database") ?? DATABASE;
    if (database !== DATABASE) {
      this.#socket.end(errorMessage("FATAL", "3D000", `database "${database}" does not exist`));
      return;
    }
    const settings = options(parameters.get("options") ?? "");
    for (const [name, value] of parameters) {
      if (!["user", "database", "options", "replication"].includes(name)) settings.push([name, value]);
    }
    this.#then(async () => {
      try {
        await this.#session.start(this, parameters.get("user") ?? "postgres", settings);
      } catch (error) {
        this.#socket.end(errorMessage("FATAL", error.code ?? "28000", error.message));
        return;
      }
      const status = Object.entries(STATUS).map(([name, value]) => packet("S", `${name}\0${value}\0`));
      const key = Buffer.alloc(8);
      key.writeInt32BE(process.pid);
      this.#socket.write(Buffer.concat([packet("R", Buffer.alloc(4)), ...status, packet("K", key), READY]));
    });
  }

  #message(message) {
    const type = String.fromCharCode(message[0]);
    if (type === "X") {
      this.#socket.end();
      return;
    }
    this.#batch.push(this.#named(type, message));
    if (!"SQH".includes(type)) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#then(() => this.#run(batch, type));
  }

  async #run(batch, last) {
    if (last === "Q" && /\bcopy\b[^;]*\bfrom\s+stdin\b/i.test(batch.at(-1).toString())) {
      const why = "COPY FROM STDIN crashes TimescaleDB as WebAssembly";
      this.#socket.write(Buffer.concat([errorMessage("ERROR", "0A000", why), READY]));
      return;
    }
    // A nameless statement that was parsed and not executed must not meet another connection's.
    const types = batch.map((message) => message[0]);
    const half = last === "H" || (types.includes(0x50) && !types.includes(0x45) && this.#isNameless(batch));
    try {
      this.#socket.write(await this.#session.run(this, batch, half));
    } catch (error) {
      this.#socket.write(Buffer.concat([errorMessage("ERROR", "55P03", error.message), READY]));
    }
  }

  #isNameless(batch) {
    return batch.some((message) => message[0] === 0x50 && message[5] === 0);
  }

  // The message with the statement's name made this connection's own.
  #named(type, message) {
    let at;
    if (type === "P") at = 5;
    else if (type === "B") at = message.indexOf(0, 5) + 1;
    else if ((type === "D" || type === "C") && message[5] === 0x53) at = 6;
    else return message;
    if (message[at] === 0) return message;
    const name = message.subarray(at, message.indexOf(0, at)).toString();
    if (type === "P") this.#statements.add(name);
    if (type === "C") this.#statements.delete(name);
    const body = [message.subarray(5, at), Buffer.from(this.#prefix), message.subarray(at)];
    return packet(type, Buffer.concat(body));
  }

  // One after the other, in the order in which they came.
  #then(work) {
    this.#work = this.#work.then(() => (this.gone ? undefined : work()));
  }

  #close() {
    this.gone = true;
    if (!this.#started) return;
    const names = [...this.#statements];
    const closing = names.map((name) => packet("C", `S${this.#prefix}${name}\0`));
    if (closing.length) closing.push(packet("S", ""));
    this.#session.end(this, closing);
  }
}

// `-c name=value` words, with a backslash before blanks that belong to a value.
function options(text) {
  const words = text.match(/(?:\\.|\S)+/g) ?? [];
  const settings = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at].replaceAll(/\\(.)/g, "$1");
    const setting = word === "-c" ? words[++at].replaceAll(/\\(.)/g, "$1") : word.replace(/^(-c|--)/, "");
    const [name, ...value] = setting.split("=");
    settings.push([name.replaceAll("-", "_"), value.join("=")]);
  }
  return settings;
}

const READY = packet("Z", "I");

function errorMessage(severity, code, text) {
  return packet("E", `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`);
}
