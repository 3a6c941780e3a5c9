/**
 * Identifiers. Each is a prefix that names the kind, then 24 lowercase hex digits (96 random bits),
 * so that an id in a log line says what it is and no id can be guessed from another.
 */
const PREFIXES = {
  org: 'org_',
  project: 'proj_',
  release: 'rel_',
  session: 'sess_',
  turn: 'turn_',
  message: 'msg_',
  input: 'inp_',
  sandbox: 'sbx_',
  call: 'call_',
  request: 'req_',
  key: 'key_',
  provider_key: 'pkey_',
  person: 'usr_',
  invitation: 'inv_',
  audit_event: 'aud_',
  operator: 'opr_',
  token: 'tok_',
  embed_key: 'emb_',
  /** The end user that an anonymous visitor of a web page is. */
  visitor: 'anon_',
  event: 'evt_',
  webhook: 'whe_',
  delivery: 'whd_',
  build: 'bld_',
  activation: 'act_',
  preview: 'prv_',
  billing_line: 'bln_',
  budget: 'bud_',
  lease: 'lse_',
  rate_limit: 'rlm_',
} as const;

export type IdKind = keyof typeof PREFIXES;

const ID_BYTES = 12;
/** Random bytes are drawn for so many ids at once: to ask for them costs more than to write an id. */
const IDS_AHEAD = 512;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const ahead = new Uint8Array(IDS_AHEAD * ID_BYTES);
let used = ahead.length;

/** A fresh id of `kind`, for example `sess_9f3a…`. */
export function newId(kind: IdKind): string {
  if (used === ahead.length) {
    crypto.getRandomValues(ahead);
    used = 0;
  }
  let id: string = PREFIXES[kind];
  for (const end = used + ID_BYTES; used < end; used += 1) id += HEX[ahead[used] as number];
  return id;
}

/** Whether `value` has the form of an id of `kind`. Says nothing about whether the object exists. */
export function isId(kind: IdKind, value: string): boolean {
  const prefix = PREFIXES[kind];
  return value.startsWith(prefix) && /^[0-9a-f]{24}$/.test(value.slice(prefix.length));
}

/** The id of the assistant message a turn produces: the same 96 bits under the message prefix. */
export function messageIdOfTurn(turnId: string): string {
  return PREFIXES.message + turnId.slice(PREFIXES.turn.length);
}
