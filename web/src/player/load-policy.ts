import type { HlsConfig, LoadPolicy } from 'hls.js';

// The server holds a request for something that is being made for up to 8 s, and then says 503. Both are ordinary here:
// a level must not be dropped for them, and a 404 just before a file appears must not be final.
const FIRST_BYTE_MS = 20_000;
const RETRIED_CLIENT_ERRORS = new Set([404, 408, 409, 425, 429]);

/** Whether a failed request is worth another try, given its HTTP status (0: no answer at all). */
export function worthRetrying(status: number | undefined, retryCount: number, maxNumRetry: number): boolean {
  if (retryCount >= maxNumRetry) return false;
  if (status === undefined || status < 400 || status > 499) return true;
  return RETRIED_CLIENT_ERRORS.has(status);
}

function patient(maxLoadTimeMs: number): LoadPolicy {
  return {
    default: {
      maxTimeToFirstByteMs: FIRST_BYTE_MS,
      maxLoadTimeMs,
      timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: {
        maxNumRetry: 10,
        retryDelayMs: 300,
        maxRetryDelayMs: 3_000,
        shouldRetry: (config, retryCount, _isTimeout, response) =>
          worthRetrying(response?.code, retryCount, config?.maxNumRetry ?? 0),
      },
    },
  };
}

/** Load policies of hls.js that fit a server which makes segments while they are asked for. */
export const LOAD_POLICIES: Partial<HlsConfig> = {
  manifestLoadPolicy: patient(30_000),
  playlistLoadPolicy: patient(30_000),
  fragLoadPolicy: patient(120_000),
};
