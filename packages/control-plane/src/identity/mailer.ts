/** What the control plane writes to people. Rejects when the mail server does not take a message. */
export interface Mailer {
  confirmAddress(to: string, token: string): Promise<void>;
  resetPassword(to: string, token: string): Promise<void>;
  /** Somebody signed up with an address that has an account: only its owner learns of it. */
  signedUpAgain(to: string): Promise<void>;
  invite(to: string, org: string, link: string): Promise<void>;
}

export interface MailSettings {
  /** `smtp://user:password@host:port`, or `smtps:`. */
  smtpUrl: string;
  from: string;
  /** Where links lead. */
  publicUrl: string;
}

/** Mail by the operator's own SMTP server. Its library is loaded only where there is one. */
export async function createMailer({ smtpUrl, from, publicUrl }: MailSettings): Promise<Mailer> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport(smtpUrl);
  async function send(to: string, subject: string, lines: string[]): Promise<void> {
    await transport.sendMail({ from, to, subject, text: `${lines.join('\n\n')}\n` });
  }
  return {
    confirmAddress: (to, token) =>
      send(to, 'Confirm your address', [
        'Open this link to confirm that the address is yours:',
        `${publicUrl}/v1/auth/verify-email?token=${encodeURIComponent(token)}`,
        'If you did not sign up, do nothing.',
      ]),
    resetPassword: (to, token) =>
      send(to, 'A new password', [
        'Somebody asked for a new password for this address. If it was you, choose one here:',
        resetLink(publicUrl, token),
        'The link works for one hour. If it was not you, do nothing.',
      ]),
    signedUpAgain: (to) =>
      send(to, 'You have an account already', [
        'Somebody signed up with this address, which has an account already. Nothing has changed.',
        'If it was you: sign in, or ask for a new password.',
      ]),
    invite: (to, org, link) =>
      send(to, `Invitation to ${org}`, [
        `You are invited to the org "${org}". Sign up or sign in with this address, then open:`,
        link,
        'The link works for seven days.',
      ]),
  };
}

/** Where a new password is chosen. The token stands behind `#`, which no server logs. */
export function resetLink(publicUrl: string, token: string): string {
  return `${publicUrl}/reset-password#token=${encodeURIComponent(token)}`;
}
