import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { SandboxError } from '../../port.ts';
import { requireHostRoom } from './host-room.ts';

test('a host with room is taken, one without is told of before anything is written', async () => {
  await requireHostRoom(tmpdir(), 1);
  const refusal = requireHostRoom(tmpdir(), Number.MAX_SAFE_INTEGER);
  await expect(refusal).rejects.toBeInstanceOf(SandboxError);
  await expect(refusal).rejects.toMatchObject({ code: 'disk_full' });
});
