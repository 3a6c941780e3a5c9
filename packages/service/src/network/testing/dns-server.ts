import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** A real name server on loopback for tests: its answers are what the test says, each time anew. */
export interface DnsServer {
  /** `127.0.0.1:port` */
  address: string;
  /** Names that were asked for, in order, with the type of record. */
  asked: string[];
  close(): Promise<void>;
}

const HEADER_BYTES = 12;
const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };
const NAME_ERROR = 3;

/**
 * Serves DNS over UDP. `answer` gives the addresses of a name for one question; `null`: the name
 * does not exist; `'silence'`: the question is never answered.
 */
export async function serveDns(
  answer: (name: string, type: 'A' | 'AAAA') => readonly string[] | null | 'silence',
): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (question, from) => {
    const { name, type, end } = readQuestion(question);
    if (type === undefined) return;
    asked.push(`${name} ${type}`);
    const given = answer(name, type);
    if (given === 'silence') return;
    const wanted = (given ?? []).filter((address) => isIPv4(address) === (type === 'A'));
    socket.send(reply(question.subarray(0, end), given === null, wanted), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function readQuestion(message: Buffer) {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  while (message[at] !== 0 && at < message.length) {
    const length = message[at] ?? 0;
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = TYPES[message.readUInt16BE(at + 1)];
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 };
}

function reply(question: Buffer, absent: boolean, addresses: readonly string[]): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180 | (absent ? NAME_ERROR : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...addresses.map(record)]);
}

/** A record whose name points to the question's, with a time to live of 0. */
function record(address: string): Buffer {
  const data = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(data.length === 4 ? 1 : 28, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6Bytes(address: string): Buffer {
  const [front = '', back = ''] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const missing = 8 - groups(front).length - groups(back).length;
  const all = [...groups(front), ...new Array<string>(missing).fill('0'), ...groups(back)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
