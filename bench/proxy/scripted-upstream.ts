import { createServer, type Socket } from 'node:net';
import { EVENTS, wholeAnswer } from './script.ts';

/**
 * A model provider without latency, as a process of its own: prints its port and serves OpenAI's chat
 * wire until its standard input ends. It reads of a request only where it ends and whether it asks
 * for a stream, so that what stands before it is measured and not this.
 */
const HEAD_END = Buffer.from('\r\n\r\n');
const STREAM = Buffer.from('"stream":true');

const body = Buffer.from(wholeAnswer());
const whole = Buffer.concat([
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  ),
  body,
]);
const streamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
/** What is written at once: the head goes with the first event, the end with the last. */
const writes = EVENTS.map((event, index) => {
  const chunk = `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`;
  const last = index === EVENTS.length - 1 ? '0\r\n\r\n' : '';
  return Buffer.from(`${index === 0 ? streamHead : ''}${chunk}${last}`);
});

function serve(socket: Socket): void {
  let held: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const head = held.indexOf(HEAD_END);
    if (head === -1) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(held.toString('latin1', 0, head))?.[1] ?? '0';
    const end = head + HEAD_END.length + Number(length);
    if (held.length < end) return;
    const streamed = held.subarray(0, end).includes(STREAM);
    held = held.subarray(end);
    if (streamed) play(socket, 0);
    else socket.write(whole);
  });
}

/** Each event in a write of its own, as a model's words come. */
function play(socket: Socket, index: number): void {
  const write = writes[index];
  if (write === undefined || socket.destroyed) return;
  socket.write(write);
  setImmediate(play, socket, index + 1);
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(address?.port);
});
process.stdin.on('end', () => process.exit(0)).resume();
