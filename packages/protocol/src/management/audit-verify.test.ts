import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AuditEvent, AuditHead, AuditKeys } from './audit.ts';
import { AUDIT_GENESIS, auditEventText, auditHeadText } from './audit-hash.ts';
import { verifyAudit } from './audit-verify.ts';

const pair = generateKeyPairSync('ed25519');
const keys: AuditKeys = { keys: [published('one', pair.publicKey)] };

function published(kid: string, key: KeyObject): AuditKeys['keys'][number] {
  const { x = '' } = key.export({ format: 'jwk' });
  return { kty: 'OKP', crv: 'Ed25519', x, kid };
}

function chain(length: number, org = 'org_a'): AuditEvent[] {
  const events: AuditEvent[] = [];
  let prev = AUDIT_GENESIS;
  for (let seq = 1; seq <= length; seq += 1) {
    const event: AuditEvent = {
      org_id: org,
      seq,
      id: `aud_${seq}`,
      at: '2026-11-22T12:00:00.000+00:00',
      actor: { kind: 'person', id: 'usr_1', label: 'ada@example.com' },
      action: 'members.update',
      target: { kind: 'person', id: 'usr_2' },
      details: { n: seq },
      prev_hash: prev,
      hash: '',
    };
    event.hash = createHash('sha256').update(auditEventText(event)).digest('hex');
    prev = event.hash;
    events.push(event);
  }
  return events;
}

function headOf(events: readonly AuditEvent[], key = pair.privateKey): AuditHead {
  const last = events.at(-1);
  const head: AuditHead = {
    org_id: last?.org_id ?? 'org_a',
    seq: last?.seq ?? 0,
    hash: last?.hash ?? AUDIT_GENESIS,
    signed_at: '2026-11-22T13:00:00.000+00:00',
    key_id: 'one',
    signature: '',
  };
  return {
    ...head,
    signature: sign(null, Buffer.from(auditHeadText(head)), key).toString('base64url'),
  };
}

function lines(events: readonly AuditEvent[], head: AuditHead): string[] {
  return [
    ...events.map((event) => JSON.stringify({ kind: 'event', event })),
    JSON.stringify({ kind: 'head', head }),
  ];
}

it('accepts a whole log, an empty one, and one that continues an older head', async () => {
  const events = chain(5);
  expect(await verifyAudit(lines(events, headOf(events)), { keys })).toMatchObject({
    ok: true,
    org_id: 'org_a',
    from: 1,
    events: 5,
  });
  expect(await verifyAudit(lines([], headOf([])), { keys })).toMatchObject({ ok: true, events: 0 });
  for (const seq of [0, 1, 3, 5]) {
    const against = headOf(events.slice(0, seq));
    expect(await verifyAudit(lines(events, headOf(events)), { keys, against })).toMatchObject({
      ok: true,
    });
  }
  const rest = lines(events.slice(3), headOf(events));
  const against = headOf(events.slice(0, 3));
  expect(await verifyAudit(rest, { keys, against, from: 4 })).toMatchObject({ ok: true, from: 4 });
});

it('finds whatever is changed, left out, put in or turned around', async () => {
  const events = chain(8);
  const whole = lines(events, headOf(events));
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 8 }),
      fc.constantFrom('drop', 'double', 'swap', 'edit'),
      async (at, change) => {
        const changed = [...whole];
        const line = changed[at] ?? '';
        if (change === 'drop') changed.splice(at, 1);
        else if (change === 'double') changed.splice(at, 0, line);
        else if (change === 'swap') {
          const other = (at + 1) % changed.length;
          changed[at] = changed[other] ?? '';
          changed[other] = line;
        } else changed[at] = line.replace(/2026-11-22T1(\d)/, '2026-11-22T0$1');
        expect(await verifyAudit(changed, { keys })).toMatchObject({ ok: false });
      },
    ),
  );
});

it('finds out a log that was rewritten, truncated or swapped since an older head', async () => {
  const events = chain(6);
  const against = headOf(events.slice(0, 4));
  const rewritten = chain(6).map((event) => ({
    ...event,
    actor: { ...event.actor, label: 'eve' },
  }));
  let prev = AUDIT_GENESIS;
  for (const event of rewritten) {
    event.prev_hash = prev;
    event.hash = createHash('sha256').update(auditEventText(event)).digest('hex');
    prev = event.hash;
  }
  const check = (shown: AuditEvent[]) =>
    verifyAudit(lines(shown, headOf(shown)), { keys, against });
  expect(await verifyAudit(lines(rewritten, headOf(rewritten)), { keys })).toMatchObject({
    ok: true,
  });
  expect(await check(rewritten)).toMatchObject({ ok: false, seq: 4 });
  expect(await check(events.slice(0, 3))).toMatchObject({ ok: false });
  expect(await check(chain(6, 'org_b'))).toMatchObject({ ok: false });
  const late = verifyAudit(lines(events.slice(5), headOf(events)), { keys, against, from: 6 });
  expect(await late).toMatchObject({ ok: false });
});

it('trusts no signature of another key, and no head without one', async () => {
  const events = chain(2);
  const stranger = generateKeyPairSync('ed25519');
  const forged = headOf(events, stranger.privateKey);
  expect(await verifyAudit(lines(events, forged), { keys })).toMatchObject({ ok: false });
  expect(await verifyAudit(lines(events, headOf(events)), { keys, against: forged })).toMatchObject(
    { ok: false, seq: null },
  );
  for (const signature of ['', '!!', 'AAAA']) {
    const head = { ...headOf(events), signature };
    expect(await verifyAudit(lines(events, head), { keys })).toMatchObject({ ok: false });
  }
  expect(await verifyAudit(lines(events, headOf(events)), { keys: { keys: [] } })).toMatchObject({
    ok: false,
  });
});

it('takes nonsense for no log, without throwing', async () => {
  for (const text of ['', '{', '[]', '{"kind":"event"}', 'null']) {
    expect(await verifyAudit([text], { keys })).toMatchObject({ ok: false });
  }
});
