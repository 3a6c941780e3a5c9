/** The tables of one kind of login (people or operators) and the column that names its owner. */
export interface LoginTables {
  owners: string;
  ownerColumn: string;
  prefix: string;
  /** Whether programs may sign in through a browser, which needs a table. */
  devices: boolean;
}

export const PEOPLE_TABLES: LoginTables = {
  owners: 'people',
  ownerColumn: 'person_id',
  prefix: 'person',
  devices: true,
};

export const OPERATOR_TABLES: LoginTables = {
  owners: 'operators',
  ownerColumn: 'operator_id',
  prefix: 'operator',
  devices: false,
};

/** How better-auth's names map to the tables of our migrations. */
export function loginModels({ owners, ownerColumn, prefix }: LoginTables) {
  const times = { createdAt: 'created_at', updatedAt: 'updated_at' };
  return {
    user: {
      modelName: owners,
      fields: { emailVerified: 'email_verified', ...times },
    },
    session: {
      modelName: `${prefix}_logins`,
      fields: {
        userId: ownerColumn,
        expiresAt: 'expires_at',
        ipAddress: 'ip_address',
        userAgent: 'user_agent',
        ...times,
      },
    },
    account: {
      modelName: `${prefix}_accounts`,
      fields: {
        userId: ownerColumn,
        accountId: 'account_id',
        providerId: 'provider_id',
        accessToken: 'access_token',
        refreshToken: 'refresh_token',
        idToken: 'id_token',
        accessTokenExpiresAt: 'access_token_expires_at',
        refreshTokenExpiresAt: 'refresh_token_expires_at',
        ...times,
      },
    },
    verification: {
      modelName: `${prefix}_verifications`,
      fields: { expiresAt: 'expires_at', ...times },
    },
    twoFactor: {
      user: { fields: { twoFactorEnabled: 'two_factor_enabled' } },
      twoFactor: {
        modelName: `${prefix}_two_factors`,
        fields: {
          userId: ownerColumn,
          backupCodes: 'backup_codes',
          failedVerificationCount: 'failed_verification_count',
          lockedUntil: 'locked_until',
        },
      },
    },
    device: {
      deviceCode: {
        modelName: `${prefix}_device_codes`,
        fields: {
          deviceCode: 'device_code',
          userCode: 'user_code',
          userId: ownerColumn,
          expiresAt: 'expires_at',
          lastPolledAt: 'last_polled_at',
          pollingInterval: 'polling_interval',
          clientId: 'client_id',
        },
      },
    },
    passkey: {
      passkey: {
        modelName: `${prefix}_passkeys`,
        fields: {
          userId: ownerColumn,
          publicKey: 'public_key',
          credentialID: 'credential_id',
          deviceType: 'device_type',
          backedUp: 'backed_up',
          createdAt: 'created_at',
        },
      },
    },
  };
}
