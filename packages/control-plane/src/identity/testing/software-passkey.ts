import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** Bits of authenticator data: present, verified, with a credential. */
const PRESENT = 0x01;
const VERIFIED = 0x04;
const ATTESTED = 0x40;

/** An authenticator in software, as WebAuthn (level 3) describes one, without attestation. */
export class SoftwarePasskey {
  readonly #origin: string;
  readonly #rpIdHash: Buffer;
  readonly #id = randomBytes(32);
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #counter = 0;

  constructor(rpId: string, origin: string) {
    this.#origin = origin;
    this.#rpIdHash = createHash('sha256').update(rpId).digest();
  }

  /** The answer to registration options. */
  register(challenge: string) {
    const attestation = Buffer.concat([
      Buffer.from([0xa3, 0x63]),
      Buffer.from('fmt'),
      Buffer.from([0x64]),
      Buffer.from('none'),
      Buffer.from([0x67]),
      Buffer.from('attStmt'),
      Buffer.from([0xa0, 0x68]),
      Buffer.from('authData'),
      cborBytes(this.#data(PRESENT | VERIFIED | ATTESTED, this.#credential())),
    ]);
    return this.#answer({
      clientDataJSON: this.#clientData('webauthn.create', challenge).toString('base64url'),
      attestationObject: attestation.toString('base64url'),
      transports: ['internal'],
    });
  }

  /** The answer to sign-in options, as a browser gives it to a page of `origin`. */
  signIn(challenge: string, origin = this.#origin) {
    this.#counter += 1;
    const clientData = this.#clientData('webauthn.get', challenge, origin);
    const data = this.#data(PRESENT | VERIFIED);
    const digest = createHash('sha256').update(clientData).digest();
    const signature = sign('sha256', Buffer.concat([data, digest]), this.#keys.privateKey);
    return this.#answer({
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature.toString('base64url'),
    });
  }

  #answer(response: Record<string, unknown>) {
    const id = this.#id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }

  #clientData(type: string, challenge: string, origin = this.#origin): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin }));
  }

  #data(flags: number, credential: Uint8Array = Buffer.alloc(0)): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#counter);
    return Buffer.concat([this.#rpIdHash, Buffer.from([flags]), counter, credential]);
  }

  /** Model, length, id and public key (COSE, ES256). */
  #credential(): Buffer {
    const { x = '', y = '' } = this.#keys.publicKey.export({ format: 'jwk' });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.#id.length);
    return Buffer.concat([
      Buffer.alloc(16),
      length,
      this.#id,
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
      cborBytes(Buffer.from(x, 'base64url')),
      Buffer.from([0x22]),
      cborBytes(Buffer.from(y, 'base64url')),
    ]);
  }
}

/** A byte string of fewer than 256 bytes. */
function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x58, bytes.length]), bytes]);
}
