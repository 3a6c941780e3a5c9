import { topLevelMembers } from './top-level.ts';

/** The same request for another model. A body that names none stays as it is. */
export function withModel(body: Buffer, model: string): Buffer {
  const name = Buffer.from(JSON.stringify(model));
  const parts: Buffer[] = [];
  let at = 0;
  for (const { name: member, start, end } of topLevelMembers(body)) {
    if (member !== 'model') continue;
    parts.push(body.subarray(at, start), name);
    at = end;
  }
  return at === 0 ? body : Buffer.concat([...parts, body.subarray(at)]);
}
