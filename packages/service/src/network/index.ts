export { type AddressPolicy, addressPolicy } from './address-policy.ts';
export {
  ConnectError,
  type ConnectFault,
  type GuardedConnect,
  guardedConnect,
} from './guarded-connect.ts';
export {
  createNameResolver,
  type NameResolver,
  type NameResolverOptions,
} from './name-resolver.ts';
