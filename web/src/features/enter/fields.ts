export const EMAIL = { name: 'email', label: 'E-mail address', type: 'email', autoComplete: 'username' } as const;
export const NAME = { name: 'name', label: 'Your name', autoComplete: 'name' } as const;
export const PASSWORD = {
  name: 'password',
  label: 'Password',
  type: 'password',
  autoComplete: 'current-password',
} as const;
export const NEW_PASSWORD = {
  name: 'password',
  label: 'A new password',
  type: 'password',
  autoComplete: 'new-password',
} as const;
export const CODE = {
  name: 'code',
  label: 'Code',
  autoComplete: 'one-time-code',
  hint: 'Of your app, or one of your recovery codes.',
} as const;
