import type { Schemas } from '../api/client';

const AT = '2026-11-21T10:00:00Z';

/** Who is logged in: by a key that may do everything, unless it is said otherwise. */
export function caller(changes: Partial<Schemas['Caller']> = {}): Schemas['Caller'] {
  return {
    organization_id: 'org_1',
    key_id: 'key_1',
    person_id: null,
    name: 'vck_AbCdEfGh',
    role: null,
    scopes: [
      ...['assets:read', 'assets:write', 'jobs:read', 'jobs:write', 'uploads:read', 'uploads:write', 'keys:read'],
      ...['keys:write', 'members:read', 'members:write', 'nodes:read', 'organization:read', 'organization:write'],
      ...[
        'usage:read',
        'webhooks:read',
        'webhooks:write',
        'audit:read',
        'events:read',
        'signing:read',
        'signing:write',
      ],
    ] as Schemas['Scope'][],
    ...changes,
  };
}

/** Who may look, and change nothing. */
export function viewer(): Schemas['Caller'] {
  const scopes: Schemas['Scope'][] = ['assets:read', 'jobs:read', 'members:read', 'organization:read', 'uploads:read'];
  return caller({ key_id: null, person_id: 'person_1', name: 'ann@example.com', role: 'viewer', scopes });
}

/** A video that is ready. */
export function asset(id: string, changes: Partial<Schemas['Asset']> = {}): Schemas['Asset'] {
  const host = 'http://video.test';
  return {
    id,
    status: 'ready',
    title: `Title of ${id}`,
    passthrough: null,
    metadata: {},
    playback_id: `play${id}`,
    playback_policy: 'public',
    job_id: `job_${id}`,
    source_id: 'src_1',
    duration_ms: 61_000,
    width_px: 1920,
    height_px: 1080,
    frame_rate: 30,
    poster_time_ms: null,
    facts: null,
    error: null,
    created_at: AT,
    updated_at: AT,
    expires_at: null,
    deleted_at: null,
    restorable_until: null,
    urls: {
      watch: `${host}/watch/play${id}`,
      embed: `${host}/embed/play${id}`,
      stream: `${host}/stream/play${id}.m3u8`,
      dash: `${host}/stream/play${id}.mpd`,
      thumbnail: `${host}/image/play${id}/thumbnail.jpg`,
    },
    ...changes,
  };
}

/** A job as lists show it. */
export function summary(id: string, changes: Partial<Schemas['JobSummary']> = {}): Schemas['JobSummary'] {
  return {
    id,
    status: 'queued',
    kind: 'media',
    priority: 'normal',
    asset_id: 'asset_1',
    passthrough: null,
    error: null,
    created_at: AT,
    started_at: null,
    ended_at: null,
    duration_ms: null,
    urls: asset('asset_1').urls,
    ...changes,
  };
}

/** A stage of a job. */
export function stage(name: string, changes: Partial<Schemas['Stage']> = {}): Schemas['Stage'] {
  return {
    name,
    status: 'done',
    progress: { fraction: 1 },
    tasks: 1,
    tasks_done: 1,
    reused: 0,
    attempts: 1,
    started_at: AT,
    ended_at: AT,
    duration_ms: 2_000,
    eta_ms: null,
    waits_for: null,
    error: null,
    cost: { cpu_s: 1, wall_s: 1 },
    spent: { cpu_s: 1, wall_s: 1 },
    logs_key: null,
    logs_keys: [],
    ...changes,
  };
}

/** A job with its stages. */
export function job(id: string, changes: Partial<Schemas['Job']> = {}): Schemas['Job'] {
  return {
    ...summary(id, { status: 'done', duration_ms: 4_000 }),
    spec: {
      outputs: [],
      vmaf: false,
      priority: 'normal',
      playback_policy: 'public',
      input: 'https://example.com/a.mp4',
    },
    progress: { fraction: 1 },
    eta_ms: null,
    stages: [stage('probe'), stage('encode')],
    outputs: [],
    asset: asset('asset_1'),
    ...changes,
  };
}
