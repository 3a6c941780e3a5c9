import pg from 'pg';

const UNIQUE_VIOLATION = '23505';

/** Whether a statement failed because it would break the uniqueness that `constraint` keeps. */
export function violates(error: unknown, constraint: string): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === UNIQUE_VIOLATION &&
    error.constraint === constraint
  );
}
