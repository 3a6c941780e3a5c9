export { dropTo, userToBecome } from '@karta/service/own-user';
