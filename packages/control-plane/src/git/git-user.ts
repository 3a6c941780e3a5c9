/**
 * The user that git runs as where Karta is root, beside those of the doors (60578) and the control
 * plane (60579): a number that Linux distributions assign to nobody.
 */
export const GIT_UID = 60_580;
