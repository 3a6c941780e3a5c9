import { topLevelMembers } from './top-level.ts';

/**
 * The same JSON object with some of its members set, or, where `undefined`, taken out, however often
 * it names them. The bytes of the others stay as they are: numbers keep their digits. The body must
 * be a JSON object.
 */
export function withMembers(body: Buffer, changes: Readonly<Record<string, unknown>>): Buffer {
  const set = Object.entries(changes).filter(([, value]) => value !== undefined);
  const members: Buffer[] = set.map(([name, value]) =>
    Buffer.from(`${JSON.stringify(name)}:${JSON.stringify(value)}`),
  );
  for (const { name, from, end } of topLevelMembers(body)) {
    if (name === null || !Object.hasOwn(changes, name)) members.push(body.subarray(from, end));
  }
  const parts = members.flatMap((member, index) => [index === 0 ? OPEN : COMMA, member]);
  return Buffer.concat(members.length === 0 ? [OPEN, CLOSE] : [...parts, CLOSE]);
}

const OPEN = Buffer.from('{');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from('}');
