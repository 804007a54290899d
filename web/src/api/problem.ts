/** What a page shows of something that went wrong. `status` is 0 where no answer came. */
export interface Told {
  status: number;
  code: string;
  detail: string;
  requestId: string;
}

/** What was thrown, as a problem (RFC 9457) or in plain words. */
export function told(error: unknown): Told {
  if (typeof error === 'object' && error !== null && 'code' in error && 'detail' in error) {
    const problem = error as { status?: number; code: unknown; detail: unknown; request_id?: unknown };
    return {
      status: Number(problem.status ?? 0),
      code: String(problem.code),
      detail: String(problem.detail),
      requestId: String(problem.request_id ?? ''),
    };
  }
  if (error instanceof TypeError) {
    return { status: 0, code: 'unreachable', detail: 'The server can’t be reached. Try again.', requestId: '' };
  }
  const detail = error instanceof Error ? error.message : 'Something went wrong.';
  return { status: 0, code: 'unexpected', detail, requestId: '' };
}

/**
 * The error that is shown in the place of what was asked for: where nothing came, or where it is not for who asks any more.
 * One that passes leaves what came before, so that a server that starts anew takes no page away from who reads it.
 */
export function instead({ error, data }: { error: unknown; data?: unknown }): unknown {
  return data === undefined || isFinal(error) ? error : null;
}

/** Whether to ask again makes no sense: the answer would be the same. */
export function isFinal(error: unknown): boolean {
  const { status } = told(error);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
