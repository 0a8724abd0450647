// Messages of PostgreSQL's protocol: a letter, a length, a body.

export function packet(type, body) {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

export function* packets(bytes) {
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    yield [String.fromCharCode(bytes[at]), bytes.subarray(at + 5, at + 1 + bytes.readInt32BE(at + 1))];
  }
}
